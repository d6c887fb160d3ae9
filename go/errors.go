package shmbus

// #include "bridge.h"
import "C"

import (
	"context"
	"fmt"
	"time"
	"unsafe"
)

// Kind is what became of an operation. The numbers never change. A Kind is an error itself, to be
// compared with: errors.Is(err, shmbus.NotRegistered).
type Kind int32

// The kinds of errors; docs/errors.md says what to do about each.
const (
	NotRegistered          Kind = 1 // no live handler has this name; it did not start
	Rejected               Kind = 2 // the handler ran and said no; Code is its own
	TimedOut               Kind = 3 // no answer before the deadline; see MayHaveRun
	Cancelled              Kind = 4 // see MayHaveRun
	HandlerDiedBeforeStart Kind = 5 // it was not run
	HandlerDiedAfterStart  Kind = 6 // it was started once, its outcome is unknown
	Overloaded             Kind = 7 // no room for it: it was not run
	TypeMismatch           Kind = 8 // both sides disagree about the types of this name
	TooLarge               Kind = 9 // Needed says what it would take
	NotPermitted           Kind = 10
	BusUnusable            Kind = 11 // the segment cannot be opened or used
	AlreadyRegistered      Kind = 12
	InvalidArgument        Kind = 13
	WrongThread            Kind = 14 // used by another goroutine than the one that it belongs to
	Forked                 Kind = 15
	Corrupted              Kind = 16 // a peer wrote what no correct peer writes
	Abandoned              Kind = 17 // the handler dropped the command without answering
	LimitReached           Kind = 18
	StreamEnded            Kind = 19 // no record follows
)

// String is the stable name of a kind, such as "timed_out".
func (k Kind) String() string { return C.GoString(C.shmbus_kind_name(C.int32_t(k))) }

// Error is the same as String.
func (k Kind) Error() string { return k.String() }

// Cause is a command that failed below the one that failed.
type Cause struct {
	Kind     Kind
	Code     int
	Command  string // its name, or the beginning of it
	AfterGap bool   // causes between the one before and this one were left out
}

// Error is what functions of this package return. errors.Is compares it with a Kind; a TimedOut is
// also a context.DeadlineExceeded, a Cancelled a context.Canceled; a NotRegistered after a wait for a
// handler until the deadline is a context.DeadlineExceeded too.
type Error struct {
	Kind       Kind
	Code       int           // the handler's own when Kind is Rejected, else errno or 0
	MayHaveRun bool          // false: it was not started and will not be; sending it again is safe
	Needed     uint64        // bytes, of TooLarge
	RetryAfter time.Duration // of Overloaded: sooner is of no use; 0: not known
	Text       string        // what happened and what to do; may hold what a peer wrote
	Causes     []Cause       // the nearest first

	inTime bool // of NotRegistered: none came before the deadline
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Kind, e.Text) }

// Is serves errors.Is.
func (e *Error) Is(target error) bool {
	switch target {
	case context.DeadlineExceeded:
		return e.Kind == TimedOut || e.inTime
	case context.Canceled:
		return e.Kind == Cancelled
	}
	kind, ok := target.(Kind)
	return ok && kind == e.Kind
}

// Timeout and Temporary make it a net.Error.
func (e *Error) Timeout() bool   { return e.Kind == TimedOut }
func (e *Error) Temporary() bool { return e.Kind == TimedOut || e.Kind == Overloaded }

func fail(kind Kind, text string) *Error { return &Error{Kind: kind, Text: text} }

// cError is an error as the C interface fills it.
type cError = C.shmbus_error_t

func newError() *cError {
	e := new(cError)
	e.size = C.size_t(unsafe.Sizeof(*e))
	return e
}

// result is nil for SHMBUS_OK.
func result(kind C.int, e *cError) error {
	if kind == 0 {
		return nil
	}
	out := &Error{Kind: Kind(kind), Code: int(e.code), MayHaveRun: e.may_have_run != 0,
		Needed: uint64(e.needed), RetryAfter: time.Duration(e.retry_after_ns),
		Text: C.GoString(&e.text[0])}
	for i := 0; i < int(e.cause_count) && i < len(e.causes); i++ {
		one := &e.causes[i]
		name := C.GoStringN(&one.command[0], C.int(cLength(unsafe.Pointer(&one.command[0]), len(one.command))))
		out.Causes = append(out.Causes, Cause{Kind(one.kind), int(one.code), name, one.after_gap != 0})
	}
	return out
}

func cLength(text unsafe.Pointer, most int) int {
	for i, c := range unsafe.Slice((*byte)(text), most) {
		if c == 0 {
			return i
		}
	}
	return most
}

// toC is an error as a rejection takes it over: with kind, code and causes.
func toC(e *Error) *cError {
	out := newError()
	out.kind, out.code = C.int32_t(e.Kind), C.int32_t(e.Code)
	for i, cause := range e.Causes {
		if i == len(out.causes) {
			break
		}
		one := &out.causes[i]
		one.kind, one.code = C.int32_t(cause.Kind), C.int32_t(cause.Code)
		if cause.AfterGap {
			one.after_gap = 1
		}
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&one.command[0])), len(one.command)), cause.Command)
		out.cause_count++
	}
	return out
}
