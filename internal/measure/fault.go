package measure

import (
	"errors"

	"github.com/knowledgebeast/greenwatch/internal/caught"
)

// errFault is what a question comes to at which the client itself failed.
var errFault = errors.New("greenwatch itself failed at this question")

// catch calls f. A panic in it is told, and ends nothing but f: an answer that nobody thought of must not
// end the process, which watches over others, too.
func (c *Client) catch(f func()) {
	err := caught.Call(func() error { f(); return nil })
	if p, panicked := errors.AsType[*caught.Panic](err); panicked && c.panicked != nil {
		c.panicked(p)
	}
}
