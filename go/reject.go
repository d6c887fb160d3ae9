package shmbus

// #include <stdlib.h>
// #include "bridge.h"
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// rejection is an error that a handler returns.
type rejection struct {
	kind    Kind
	code    int
	text    string
	because *Error
	name    string
}

func (r *rejection) Error() string { return fmt.Sprintf("%s (%d): %s", r.kind, r.code, r.text) }

// Reject refuses a command with a code of the handler's own; up to 40 bytes of text go to the caller.
func Reject(code int, text string) error { return &rejection{kind: Rejected, code: code, text: text} }

// Because is Reject, because a call that the handler made to `name` failed with err: the caller finds
// it among the causes of its error.
func Because(code int, text string, err error, name string) error {
	out := &rejection{kind: Rejected, code: code, text: text, name: name}
	_ = errors.As(err, &out.because)
	return out
}

// Refuse is for checks before a handler: kind is NotPermitted, Overloaded or InvalidArgument; another
// becomes Rejected.
func Refuse(kind Kind, code int, text string) error {
	return &rejection{kind: kind, code: code, text: text}
}

// Drop, returned by a handler, leaves the command without an answer: its caller gets Abandoned.
func Drop() error { return errDrop }

var errDrop = errors.New("dropped")

const textMax = 40 // bytes of a rejection's text that travel

func panicError(panicked any) error {
	return Reject(-1, short(fmt.Sprint("panic: ", panicked)))
}

// short cuts a text at the end of a character.
func short(text string) string {
	if len(text) <= textMax {
		return text
	}
	end := textMax
	for end > 0 && text[end]&0xC0 == 0x80 {
		end--
	}
	return text[:end]
}

func rejectionOf(err error) *rejection {
	var said *rejection
	if errors.As(err, &said) {
		return said
	}
	out := &rejection{kind: Rejected, code: -1, text: short(err.Error())}
	_ = errors.As(err, &out.because)
	return out
}

// refuse answers with an error. The command's mutex is held.
func (c *Command) refuse(err error) {
	said := rejectionOf(err)
	text := C.CString(said.text)
	defer C.free(unsafe.Pointer(text))
	name := C.CString(said.name)
	defer C.free(unsafe.Pointer(name))
	var failed *cError
	if said.because != nil {
		failed = toC(said.because)
	}
	code := C.int32_t(said.code)
	switch {
	case c.responder != nil:
		C.shmbus_responder_reject_because(c.responder, code, text, failed, name, nil)
	case said.kind != Rejected:
		C.shmbus_context_refuse(c.c, C.int32_t(said.kind), code, text)
	default:
		C.shmbus_context_reject_because(c.c, code, text, failed, name)
	}
}
