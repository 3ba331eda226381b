package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// decoder decodes YAML over a value, strictly: every key must be a field's json name, once.
type decoder struct {
	mistakes []Mistake
	// lines says where each path stands.
	lines map[string]int
}

func (d *decoder) fail(n *yaml.Node, path, format string, args ...any) {
	d.mistakes = append(d.mistakes, Mistake{Line: n.Line, Path: path, Text: fmt.Sprintf(format, args...)})
}

// line gives the line of a path, or of the nearest one above it that is in the file.
func (d *decoder) line(path string) int {
	for path != "" {
		if n, ok := d.lines[path]; ok {
			return n
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return 0
}

var syntaxLine = regexp.MustCompile(`^yaml: line (\d+): `)

func (d *decoder) document(text []byte, into any) {
	yamls := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	switch err := yamls.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return // an empty file
	case err != nil:
		d.mistakes = append(d.mistakes, syntax(err))
		return
	}
	if err := yamls.Decode(&more); !errors.Is(err, io.EOF) {
		d.fail(&more, "", "a second document begins; write one only")
	}
	d.value(doc.Content[0], reflect.ValueOf(into).Elem(), "")
}

func syntax(err error) Mistake {
	text := err.Error()
	m := syntaxLine.FindStringSubmatch(text)
	if m == nil {
		return Mistake{Text: text}
	}
	line, _ := strconv.Atoi(m[1]) // digits only; a line beyond an int's range is none
	return Mistake{Line: line, Text: "not YAML: " + strings.TrimPrefix(text, m[0])}
}

// value decodes a node. Aliases that go in circles end where the types do.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	d.lines[path] = n.Line
	if n.ShortTag() == "!!null" {
		return // a key without a value says nothing
	}
	if t, ok := v.Addr().Interface().(worded); ok && n.Kind == yaml.ScalarNode {
		var text string
		d.scalar(n, reflect.ValueOf(&text).Elem(), path)
		t.SetText(text)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		fresh := reflect.New(v.Type().Elem())
		if !v.IsNil() {
			fresh.Elem().Set(v.Elem())
		}
		d.value(n, fresh.Elem(), path)
		v.Set(fresh)
	case reflect.Struct:
		d.mapping(n, v, path)
	case reflect.Slice:
		d.sequence(n, v, path)
	default:
		d.scalar(n, v, path)
	}
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, path, "want keys (%s), found %s", strings.Join(keys(v.Type()), ", "), found(n))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		below := strings.TrimPrefix(path+"."+key.Value, ".")
		field, ok := fieldOf(v, key.Value)
		switch {
		case !ok:
			d.fail(key, below, "unknown key; %s", meant(key.Value, keys(v.Type())))
		case seen[key.Value]:
			d.fail(key, below, "stands here twice")
		default:
			d.value(value, field, below)
		}
		seen[key.Value] = true
	}
}

// worded is an object that may be written as a text alone.
type worded interface{ SetText(string) }

// defaulted is a list's element that has defaults of its own.
type defaulted interface{ setDefaults() }

func (d *decoder) sequence(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		d.fail(n, path, "want a list, found %s", found(n))
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, element := range n.Content {
		if e, ok := list.Index(i).Addr().Interface().(defaulted); ok {
			e.setDefaults()
		}
		d.value(element, list.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
	v.Set(list)
}

func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode {
		d.fail(n, path, "want %s, found %s", wanted(v), found(n))
		return
	}
	if err := set(v, n); err != nil {
		d.fail(n, path, "want %s, found %s", wanted(v), found(n))
	}
}

var errOther = errors.New("another kind of value")

// set sets a value from a scalar. Numbers are taken for text, too, as nobody quotes them.
func set(v reflect.Value, n *yaml.Node) error {
	tag := n.ShortTag()
	switch v.Interface().(type) {
	case time.Duration:
		t, err := time.ParseDuration(n.Value)
		v.SetInt(int64(t))
		return err
	case bool:
		if tag != "!!bool" {
			return errOther
		}
		v.SetBool(strings.EqualFold(n.Value, "true"))
		return nil
	case int, int32:
		i, err := strconv.ParseInt(n.Value, 10, v.Type().Bits())
		v.SetInt(i)
		return err
	}
	if v.Kind() != reflect.String || tag == "!!bool" || tag == "!!binary" || tag == "!!timestamp" {
		return errOther
	}
	v.SetString(n.Value)
	return nil
}

func wanted(v reflect.Value) string {
	switch v.Interface().(type) {
	case time.Duration:
		return "a duration such as 90s, 5m or 24h"
	case bool:
		return "true or false"
	case int, int32:
		return "a whole number"
	}
	return "text"
}

func found(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys"
	case yaml.SequenceNode:
		return "a list"
	}
	return strconv.Quote(n.Value)
}

func keys(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		if name := keyOf(t.Field(i)); name != "-" {
			names = append(names, name)
		}
	}
	return names
}

func keyOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func fieldOf(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if name := keyOf(v.Type().Field(i)); name == key && name != "-" {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// meant names the key that was probably meant, else all there are.
func meant(key string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if n := distance(strings.ToLower(key), strings.ToLower(k)); n < least {
			best, least = k, n
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %s?", best)
	}
	return "the keys here are " + strings.Join(known, ", ")
}

// distance is how many letters must be put in, left out or changed to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
