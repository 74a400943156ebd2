package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"
)

// DefaultFile is read where no other file is named, if it is there.
const DefaultFile = "audittrail.yaml"

// Sources say where values come from beside the defaults.
type Sources struct {
	// File is the YAML file; "" means the one that AUDITTRAIL_CONFIG names, else DefaultFile where there is one.
	File string
	// Env looks up the environment; nil means os.LookupEnv.
	Env func(name string) (string, bool)
	// Flags are the names of the flags that were given: their values stand in the targets already.
	Flags map[string]bool
}

// Value is one setting as it came out.
type Value struct {
	Key    string `json:"key"`
	Value  string `json:"value"` // masked where it is a secret
	Source string `json:"source"`
	Help   string `json:"help"`
	Env    string `json:"env"`
	// Secret says that the value is masked, and that it can be read from the file that Env + "_FILE" names.
	Secret bool `json:"secret,omitempty"`
}

// Load fills the targets, each a *Config or a *Client whose flags are set already, and says where each value came from. Every mistake
// of all sources is in the error at once: keys that do not exist with their line, values of the wrong type with their source.
func Load(sources Sources, targets ...any) ([]Value, error) {
	if sources.Env == nil {
		sources.Env = os.LookupEnv
	}
	file, err := readFile(sources)
	if err != nil {
		return nil, err
	}
	var errs []error
	var values []Value
	for _, target := range targets {
		for _, s := range settingsOf(target) {
			source, err := s.resolve(sources, file)
			if err != nil {
				errs = append(errs, err)
			}
			values = append(values, Value{Key: s.key, Value: s.show(), Source: source, Help: s.help, Env: s.env, Secret: s.secret})
		}
	}
	return values, errors.Join(errs...)
}

// resolve sets the setting from the strongest source that has it, and names that source.
func (s setting) resolve(sources Sources, file *document) (string, error) {
	if sources.Flags[s.flag] {
		return "flag --" + s.flag, nil
	}
	value, source, err := s.fromEnv(sources.Env)
	if err == nil && source == "" {
		value, source, err = s.fromFile(file)
	}
	switch {
	case err != nil:
		return source, err
	case source == "":
		return "default", s.set(s.fallback)
	}
	if err := s.set(value); err != nil {
		return source, fmt.Errorf("%s: %s: %w", source, s.key, err)
	}
	return source, nil
}

func (s setting) fromEnv(lookup func(string) (string, bool)) (value, source string, err error) {
	value, found := lookup(s.env)
	if !s.secret {
		if found {
			source = "environment " + s.env
		}
		return value, source, nil
	}
	path, fileFound := lookup(s.env + "_FILE")
	switch {
	case found && fileFound:
		return "", "", fmt.Errorf("environment: both %s and %s_FILE are set: remove one", s.env, s.env)
	case found:
		return value, "environment " + s.env, nil
	case fileFound:
		value, err = readSecret(path)
		return value, "file of environment " + s.env + "_FILE", err
	}
	return "", "", nil
}

func (s setting) fromFile(file *document) (value, source string, err error) {
	node, found := file.scalars[s.key]
	if found {
		source = fmt.Sprintf("%s:%d", file.name, node.Line)
		value = node.Value
	}
	if !s.secret {
		return value, source, nil
	}
	path, fileFound := file.scalars[s.key+"_file"]
	switch {
	case found && fileFound:
		return "", "", fmt.Errorf("%s:%d: both %s and %s_file are set: remove one", file.name, path.Line, s.key, s.key)
	case fileFound:
		value, err = readSecret(path.Value)
		source = fmt.Sprintf("file of %s:%d", file.name, path.Line)
	}
	return value, source, err
}

func readSecret(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the file of a secret: %w", err)
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

// document is a configuration file: its scalars by key.
type document struct {
	name    string
	scalars map[string]*yaml.Node
}

func readFile(sources Sources) (*document, error) {
	name, named := sources.File, sources.File != ""
	if !named {
		if name, named = sources.Env("AUDITTRAIL_CONFIG"); !named {
			name = DefaultFile
		}
	}
	d := &document{name: name, scalars: make(map[string]*yaml.Node)}
	data, err := os.ReadFile(name)
	switch {
	case errors.Is(err, os.ErrNotExist) && !named:
		return d, nil
	case err != nil:
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, fmt.Errorf("%s is not YAML: %w", name, err)
	}
	if len(root.Content) == 0 {
		return d, nil
	}
	return d, errors.Join(d.walk(root.Content[0], "", knownKeys())...)
}

// kind is what a key of the file stands for.
type kind int

const (
	one   kind = iota + 1 // a setting of one value
	list                  // a setting that is a list
	group                 // a group of settings
)

func knownKeys() map[string]kind {
	known := make(map[string]kind)
	for _, target := range []any{new(Config), new(Client)} {
		for _, s := range settingsOf(target) {
			known[s.key] = one
			if s.value.Kind() == reflect.Slice {
				known[s.key] = list
			}
			if s.secret {
				known[s.key+"_file"] = one
			}
			if name, _, grouped := strings.Cut(s.key, "."); grouped {
				known[name] = group
			}
		}
	}
	return known
}

// walk collects the scalars of a mapping and complains of everything that is no setting.
func (d *document) walk(node *yaml.Node, prefix string, known map[string]kind) (errs []error) {
	if node.Kind != yaml.MappingNode {
		return []error{fmt.Errorf("%s:%d: %s must hold settings, as key: value", d.name, node.Line, orWhole(prefix))}
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		key := prefix + name.Value
		if known[key] == list && value.Kind == yaml.SequenceNode {
			value = joined(value)
		}
		switch {
		case known[key] == 0:
			errs = append(errs, fmt.Errorf("%s:%d: %s is not a setting; `audittrail config` lists them all", d.name, name.Line, key))
		case d.scalars[key] != nil:
			errs = append(errs, fmt.Errorf("%s:%d: %s is set twice", d.name, name.Line, key))
		case known[key] == group:
			errs = append(errs, d.walk(value, key+".", known)...)
		case value.Kind != yaml.ScalarNode && known[key] == list:
			errs = append(errs, fmt.Errorf("%s:%d: %s must be a list of values", d.name, value.Line, key))
		case value.Kind != yaml.ScalarNode:
			errs = append(errs, fmt.Errorf("%s:%d: %s must be one value", d.name, value.Line, key))
		default:
			d.scalars[key] = value
		}
	}
	return errs
}

// joined makes a list of scalars what it is in the environment: one scalar with commas. Another list stays what it is.
func joined(sequence *yaml.Node) *yaml.Node {
	items := make([]string, len(sequence.Content))
	for i, item := range sequence.Content {
		if item.Kind != yaml.ScalarNode {
			return sequence
		}
		items[i] = item.Value
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Line: sequence.Line, Value: strings.Join(items, ",")}
}

func orWhole(prefix string) string {
	if prefix == "" {
		return "the file"
	}
	return strings.TrimSuffix(prefix, ".")
}
