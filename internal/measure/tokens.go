package measure

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const (
	// longestWord bounds one string or number, with the space before it, and so the decoder's buffer.
	longestWord = 64 << 10
	// deepest bounds how deep what is skipped may be nested.
	deepest = 32
)

// body is the text of an answer, which ends in tooLarge where it is too long, or a word in it is.
type body struct {
	io.Reader
	left, most int64 // bytes
	word       int   // bytes read since the last word
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.left, b.word = b.left-int64(n), b.word+n
	switch {
	case b.left < 0:
		return 0, tooLarge(fmt.Sprintf("more than %d bytes", b.most))
	case b.word > 2*longestWord:
		return 0, tooLarge(fmt.Sprintf("a word of more than %d bytes", longestWord))
	}
	return n, err
}

// tokens reads JSON word by word, and holds no more of it than one.
type tokens struct {
	json *json.Decoder
	body *body
}

func newTokens(r io.Reader, most int64) *tokens {
	b := &body{Reader: r, left: most, most: most}
	t := &tokens{json: json.NewDecoder(b), body: b}
	t.json.UseNumber()
	return t
}

// next gives the next word, of which there must be one.
func (t *tokens) next() (json.Token, error) {
	word, err := t.json.Token()
	t.body.word = 0
	return word, early(err)
}

// decode reads a value that is as short as a word.
func (t *tokens) decode(into any) error {
	err := t.json.Decode(into)
	t.body.word = 0
	return early(err)
}

func early(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it ends early")
	}
	return err
}

// end wants nothing more to come.
func (t *tokens) end() error {
	switch word, err := t.json.Token(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	default:
		return fmt.Errorf("%v comes after its end", word)
	}
}

// open wants a delimiter to come.
func (t *tokens) open(want json.Delim, what string) error {
	word, err := t.next()
	if err != nil {
		return err
	}
	if word != want {
		return fmt.Errorf("%s is %s; want %s", what, kindOf(word), kindOf(want))
	}
	return nil
}

// object reads an object: each key that is known by what is said for it, each other is skipped. No key may come twice.
func (t *tokens) object(what string, keys map[string]func() error) error {
	return t.pairs(what, func(key string) error {
		read, known := keys[key]
		switch {
		case !known:
			return t.skip()
		case read == nil:
			return fmt.Errorf("%s has %s twice", what, key)
		}
		keys[key] = nil
		return read()
	})
}

// pairs reads an object key by key.
func (t *tokens) pairs(what string, read func(key string) error) error {
	if err := t.open('{', what); err != nil {
		return err
	}
	for t.json.More() {
		key, err := t.text("a key of " + what)
		if err != nil {
			return err
		}
		if err := read(key); err != nil {
			return err
		}
	}
	_, err := t.next()
	return err
}

// list reads a list item by item.
func (t *tokens) list(what string, read func() error) error {
	if err := t.open('[', what); err != nil {
		return err
	}
	return t.items(read)
}

// items reads the rest of a list that is open.
func (t *tokens) items(read func() error) error {
	for t.json.More() {
		if err := read(); err != nil {
			return err
		}
	}
	_, err := t.next()
	return err
}

// text reads a string.
func (t *tokens) text(what string) (string, error) {
	word, err := t.next()
	if err != nil {
		return "", err
	}
	s, ok := word.(string)
	switch {
	case !ok:
		return "", fmt.Errorf("%s is %s; want a text", what, kindOf(word))
	case len(s) > longestWord:
		return "", tooLarge(fmt.Sprintf("a word of more than %d bytes", longestWord))
	}
	return s, nil
}

// skip reads one value and forgets it.
func (t *tokens) skip() error {
	for depth := 0; ; {
		word, err := t.next()
		if err != nil {
			return err
		}
		switch word {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth > deepest {
			return fmt.Errorf("it is nested more than %d deep", deepest)
		}
		if depth == 0 {
			return nil
		}
	}
}

// kindOf names a word without repeating it: it may be long.
func kindOf(word json.Token) string {
	switch w := word.(type) {
	case nil:
		return "null"
	case string:
		return "a text"
	case bool:
		return "true or false"
	case json.Delim:
		if w == '{' || w == '}' {
			return "an object"
		}
		return "a list"
	}
	return "a number"
}
