package config

import (
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
)

// Secret is a setting that is never shown: it prints, logs and encodes as stars. Reveal gives it away.
type Secret string

const mask = "********"

// String masks the secret; an empty one is empty.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// GoString masks it for %#v.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// LogValue masks it for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText masks it for encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// setting is one field of a struct of settings.
type setting struct {
	key      string // email.host
	flag     string // email-host
	env      string // AUDITTRAIL_EMAIL_HOST
	help     string
	fallback string
	secret   bool
	value    reflect.Value
}

// settingsOf lists the settings of a pointer to a struct, in the order of its fields.
func settingsOf(target any) []setting {
	var all []setting
	collect(reflect.ValueOf(target).Elem(), "", &all)
	return all
}

func collect(v reflect.Value, prefix string, all *[]setting) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.Type.Kind() == reflect.Struct {
			collect(v.Field(i), prefix+field.Tag.Get("prefix"), all)
			continue
		}
		flag := prefix + field.Tag.Get("name")
		key := strings.ReplaceAll(field.Tag.Get("name"), "-", "_")
		if prefix != "" {
			key = strings.ReplaceAll(strings.TrimSuffix(prefix, "-"), "-", "_") + "." + key
		}
		*all = append(*all, setting{
			key: key, flag: flag, env: "AUDITTRAIL_" + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(flag)),
			help: field.Tag.Get("help"), fallback: field.Tag.Get("default"),
			secret: field.Type == reflect.TypeFor[Secret](), value: v.Field(i),
		})
	}
}

// set parses text as the setting's type.
func (s setting) set(text string) error {
	switch s.value.Kind() {
	case reflect.String:
		s.value.SetString(text)
	case reflect.Slice:
		s.value.Set(reflect.ValueOf(split(text)))
	case reflect.Bool:
		b, err := strconv.ParseBool(orZero(text, "false"))
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		s.value.SetBool(b)
	case reflect.Int:
		n, err := strconv.Atoi(orZero(text, "0"))
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		s.value.SetInt(int64(n))
	case reflect.Float64:
		f, err := strconv.ParseFloat(orZero(text, "0"), 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", text)
		}
		s.value.SetFloat(f)
	default:
		return fmt.Errorf("settings of type %s are not supported", s.value.Type())
	}
	return nil
}

// split reads a list: its items stand between commas.
func split(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

func orZero(text, zero string) string {
	if text == "" {
		return zero
	}
	return text
}

// show is the value as it may be shown. An address with a password in it is refused later, and not shown either.
func (s setting) show() string {
	list, ok := s.value.Interface().([]string)
	if !ok {
		return fmt.Sprint(s.value.Interface())
	}
	shown := make([]string, len(list))
	for i, item := range list {
		shown[i] = item
		if _, address, found := strings.Cut(item, "@"); found {
			shown[i] = mask + "@" + address
		}
	}
	return strings.Join(shown, ",")
}
