package oidc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"gopkg.in/yaml.v3"
)

// ReadFile reads the providers of a YAML file. Every mistake is in the error at once, with the name of its field.
func ReadFile(path string) ([]Settings, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the providers: %w", err)
	}
	providers, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return providers, nil
}

func parse(data []byte) ([]Settings, error) {
	var file struct {
		Providers []Settings `yaml:"providers"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	err := decoder.Decode(&file)
	if err == nil && !errors.Is(decoder.Decode(new(yaml.Node)), io.EOF) {
		err = errors.New("it must be one YAML document")
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("it is not a file of providers: %w", err)
	}
	if n := len(file.Providers); n == 0 || n > maxProviders {
		return nil, fmt.Errorf("providers: must list 1 to %d providers, it has %d", maxProviders, n)
	}
	return file.Providers, complete(file.Providers)
}

// complete fills in the defaults of all and says everything that is wrong.
func complete(providers []Settings) error {
	var errs []error
	seen := map[string]bool{}
	for i := range providers {
		s := &providers[i]
		at := fmt.Sprintf("providers[%d]", i)
		if s.ID != "" {
			at += " (" + shorten(s.ID) + ")"
		}
		for _, err := range each(s.complete()) {
			errs = append(errs, fmt.Errorf("%s.%w", at, err))
		}
		if seen[s.ID] && s.ID != "" {
			errs = append(errs, fmt.Errorf("%s.id: is given twice", at))
		}
		seen[s.ID] = true
	}
	return errors.Join(errs...)
}

// each takes joined errors apart.
func each(err error) []error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return nil
}
