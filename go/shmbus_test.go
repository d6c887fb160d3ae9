package shmbus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// pair is a bus of its own with a server that runs until the test ends.
type pair struct {
	*testing.T
	bus *Bus
	ctx context.Context
}

type names map[string]Handler

func newPair(t *testing.T, handlers names, options HandlerOptions) *pair {
	t.Helper()
	bus, err := Open(filepath.Join(t.TempDir(), "bus"))
	check(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	server, err := bus.Serve(ServeOptions{Label: "test"})
	check(t, err)
	for name, handler := range handlers {
		check(t, server.Handle(name, handler, options))
	}
	done := make(chan error)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		check(t, <-done)
		check(t, server.Close())
		bus.Close()
	})
	limit, cancelLimit := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancelLimit)
	return &pair{t, bus, limit}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (p *pair) caller(name string) *Caller {
	p.Helper()
	caller, err := p.bus.Caller(name, CallerOptions{})
	check(p.T, err)
	p.Cleanup(caller.Close)
	return caller
}

func want(t *testing.T, err error, kind Kind) *Error {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("%v, not %v", err, kind)
	}
	var found *Error
	if !errors.As(err, &found) {
		t.Fatalf("%T", err)
	}
	return found
}

func echo(_ context.Context, request []byte) ([]byte, error) { return request, nil }

func TestCallsOfAllSizes(t *testing.T) {
	p := newPair(t, names{"echo": echo}, HandlerOptions{})
	caller := p.caller("echo")
	for _, ctx := range []context.Context{context.Background(), p.ctx} {
		for _, size := range []int{0, 1, 40, 41, 48, 49, 96, 97, 104, 105, 4096, 50000} {
			request := bytes.Repeat([]byte{byte(size)}, size)
			reply, err := caller.Call(ctx, request)
			check(t, err)
			if !bytes.Equal(reply, request) {
				t.Fatalf("%d bytes: %d came back", size, len(reply))
			}
			reply, err = caller.CallInPlace(ctx, size, func(room []byte) error { copy(room, request); return nil })
			check(t, err)
			if !bytes.Equal(reply, request) {
				t.Fatalf("%d bytes in place: %d came back", size, len(reply))
			}
		}
	}
	nothing := errors.New("nothing to send")
	if _, err := caller.CallInPlace(p.ctx, 10, func([]byte) error { return nothing }); err != nothing {
		t.Fatal(err)
	}
}

func TestManyGoroutines(t *testing.T) {
	for _, concurrent := range []int{0, 4} {
		p := newPair(t, names{"echo": echo}, HandlerOptions{Concurrent: concurrent})
		caller := p.caller("echo")
		var group sync.WaitGroup
		for i := 0; i < 16; i++ {
			group.Add(1)
			go func(i int) {
				defer group.Done()
				for n := 0; n < 50; n++ {
					request := fmt.Sprint(i, n)
					if reply, err := caller.Call(p.ctx, []byte(request)); err != nil || string(reply) != request {
						t.Errorf("%s: %s %v", request, reply, err)
					}
				}
			}(i)
		}
		group.Wait()
	}
}

func TestErrors(t *testing.T) {
	var p *pair
	p = newPair(t, names{
		"no":     func(context.Context, []byte) ([]byte, error) { return nil, Reject(42, "größer") },
		"forbid": func(context.Context, []byte) ([]byte, error) { return nil, Refuse(NotPermitted, 7, "not you") },
		"plain":  func(context.Context, []byte) ([]byte, error) { return nil, errors.New(strings.Repeat("ö", 30)) },
		"panic":  func(context.Context, []byte) ([]byte, error) { panic("oops") },
		"drop":   func(context.Context, []byte) ([]byte, error) { return nil, Drop() },
		"long":   func(context.Context, []byte) ([]byte, error) { return make([]byte, 70000), nil },
		"below": func(ctx context.Context, _ []byte) ([]byte, error) {
			_, err := p.caller("absent").Call(ctx, nil)
			return nil, Because(5, "below", err, "absent")
		},
	}, HandlerOptions{})
	call := func(name string) error { _, err := p.caller(name).Call(p.ctx, nil); return err }
	if e := want(t, call("no"), Rejected); e.Code != 42 || !strings.Contains(e.Text, "größer") || !e.MayHaveRun {
		t.Fatalf("%+v", e)
	}
	if e := want(t, call("forbid"), NotPermitted); e.Code != 7 {
		t.Fatalf("%+v", e)
	}
	if e := want(t, call("plain"), Rejected); e.Code != -1 || !strings.Contains(e.Text, "öö") {
		t.Fatalf("%+v", e)
	}
	if e := want(t, call("panic"), Rejected); !strings.Contains(e.Text, "panic: oops") {
		t.Fatalf("%+v", e)
	}
	if e := want(t, call("long"), TooLarge); e.Needed != 70000 {
		t.Fatalf("%+v", e)
	}
	want(t, call("drop"), Abandoned)
	if e := want(t, call("absent"), NotRegistered); e.MayHaveRun {
		t.Fatalf("%+v", e)
	}
	e := want(t, call("below"), Rejected)
	if len(e.Causes) != 1 || e.Causes[0].Kind != NotRegistered || e.Causes[0].Command != "absent" {
		t.Fatalf("%+v", e)
	}
	_, err := p.bus.Caller("", CallerOptions{})
	want(t, err, InvalidArgument)
	_, err = OpenWith(filepath.Join(t.TempDir(), "none"), OpenOptions{NoCreate: true})
	want(t, err, BusUnusable)
	if TimedOut.String() != "timed_out" || Kind(99).String() != "unknown" {
		t.Fatal(TimedOut)
	}
}

func TestDeadlinesAndCancellation(t *testing.T) {
	started, cancelled, goOn := make(chan time.Duration, 1), make(chan error, 1), make(chan bool, 1)
	stay := func(ctx context.Context, _ []byte) ([]byte, error) {
		deadline, _ := ctx.Deadline()
		started <- time.Until(deadline)
		<-ctx.Done()
		cancelled <- ctx.Err()
		<-goOn // an answer at once could come before the caller sees its deadline
		return nil, ctx.Err()
	}
	for _, options := range []HandlerOptions{{}, {Concurrent: 2}} {
		p := newPair(t, names{"stay": stay}, options)
		caller := p.caller("stay")
		ctx, cancel := context.WithTimeout(p.ctx, 50*time.Millisecond)
		_, err := caller.Call(ctx, nil)
		cancel()
		if want(t, err, TimedOut); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if left := <-started; left > 50*time.Millisecond || left < 0 {
			t.Fatal(left)
		}
		if err := <-cancelled; err == nil {
			t.Fatal("the handler's context did not end")
		}
		goOn <- true
		ctx, cancel = context.WithCancel(p.ctx)
		goOn <- true
		go func() { <-started; cancel() }()
		_, err = caller.Call(ctx, nil)
		if err == nil || !want2(err, Cancelled, Rejected) { // what the handler says, if it says it at once
			t.Fatal(err)
		}
		if err := <-cancelled; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		_, err = caller.Call(ctx, nil)
		if e := want(t, err, Cancelled); e.MayHaveRun || !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}

func want2(err error, kinds ...Kind) bool {
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

func TestWaitForHandler(t *testing.T) {
	p := newPair(t, names{"echo": echo}, HandlerOptions{})
	caller, err := p.bus.Caller("later", CallerOptions{Wait: true})
	check(t, err)
	defer caller.Close()
	fill := func([]byte) error { return nil }
	for _, way := range []func(context.Context) error{
		func(ctx context.Context) error { _, err := caller.Call(ctx, nil); return err },
		func(ctx context.Context) error { _, err := caller.CallInPlace(ctx, 1, fill); return err },
		func(ctx context.Context) error { _, err := caller.Start(ctx, nil); return err },
		func(ctx context.Context) error { return caller.Send(ctx, nil) },
		func(ctx context.Context) error { return caller.SendInPlace(ctx, 1, fill) },
		func(ctx context.Context) error { _, err := caller.Open(ctx, nil, StreamOptions{}); return err },
	} {
		ctx, cancel := context.WithCancel(p.ctx)
		go func() { time.Sleep(20 * time.Millisecond); cancel() }()
		want(t, way(ctx), Cancelled)
	}
	check(t, p.bus.WaitUntilAvailable(p.ctx, "echo"))
	ctx, cancel := context.WithTimeout(p.ctx, 20*time.Millisecond)
	defer cancel()
	_, err = caller.Call(ctx, nil)
	if e := want(t, err, NotRegistered); e.MayHaveRun || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%+v", e)
	}
	ctx, cancelSecond := context.WithTimeout(p.ctx, 20*time.Millisecond)
	defer cancelSecond()
	want(t, p.bus.WaitUntilAvailable(ctx, "later"), TimedOut)
}

func TestRulesOfGoroutines(t *testing.T) {
	escaped := make(chan context.Context, 1)
	p := newPair(t, names{"leak": func(ctx context.Context, _ []byte) ([]byte, error) {
		escaped <- ctx
		return nil, nil
	}, "out": func(ctx context.Context, _ []byte) ([]byte, error) {
		out, err := WriterOf(ctx)
		if err != nil {
			return nil, err
		}
		return nil, out.Put([]byte("one"))
	}}, HandlerOptions{})
	_, err := p.caller("leak").Call(p.ctx, nil)
	check(t, err)
	_, err = WriterOf(<-escaped)
	if e := want(t, err, InvalidArgument); !strings.Contains(e.Text, "handler has returned") {
		t.Fatal(e)
	}
	stream, err := p.caller("out").Open(p.ctx, nil, StreamOptions{})
	check(t, err)
	elsewhere := make(chan error)
	go func() { _, err := stream.Next(); elsewhere <- err }()
	want(t, <-elsewhere, WrongThread)
	record, err := stream.Next()
	check(t, err)
	if string(record) != "one" {
		t.Fatal(record)
	}
	stream.Close()
	_, err = stream.Next()
	want(t, err, InvalidArgument)

	subscriber, err := p.bus.Subscribe("tick", SubscriberOptions{})
	check(t, err)
	ctx, cancel := context.WithCancel(p.ctx)
	events, end := subscriber.Events(ctx, 0)
	for err = nil; err == nil; { // until the goroutine of the channel has it
		if _, err = subscriber.Missed(); err == nil {
			time.Sleep(time.Millisecond)
		}
	}
	want(t, err, WrongThread)
	want(t, subscriber.Close(), WrongThread)
	cancel()
	for range events {
	}
	check(t, end())
	check(t, subscriber.Close())
	_, err = subscriber.Next(p.ctx)
	want(t, err, InvalidArgument)

	server, err := p.bus.Serve(ServeOptions{})
	check(t, err)
	check(t, server.Handle("one", echo, HandlerOptions{}))
	ctx, cancel = context.WithCancel(p.ctx)
	done := make(chan error)
	go func() { done <- server.Run(ctx) }()
	check(t, p.bus.WaitUntilAvailable(p.ctx, "one"))
	_, err = p.caller("one").Call(p.ctx, nil) // it runs
	check(t, err)
	want(t, server.Handle("two", echo, HandlerOptions{}), WrongThread)
	want(t, server.Close(), WrongThread)
	cancel()
	check(t, <-done)
	check(t, server.Close())
	want(t, server.Run(p.ctx), InvalidArgument)
}

func TestOneWayAndIdentity(t *testing.T) {
	got := make(chan string, 1)
	p := newPair(t, names{"who": func(ctx context.Context, request []byte) ([]byte, error) {
		command := CommandOf(ctx)
		got <- fmt.Sprint(string(request), " ", command.Name, " ", command.OneWay, " ", command.Attempt)
		return nil, nil
	}}, HandlerOptions{Schema: "raw2/1->none"})
	check(t, p.caller("who").Send(p.ctx, []byte("go")))
	if text := <-got; text != "go who true 1" {
		t.Fatal(text)
	}
	check(t, p.caller("who").SendInPlace(p.ctx, 2, func(room []byte) error { copy(room, "in"); return nil }))
	if text := <-got; text != "in who true 1" {
		t.Fatal(text)
	}
	schema, err := p.bus.Schema("who")
	check(t, err)
	if schema != "raw2/1->none" {
		t.Fatal(schema)
	}
	_, err = p.bus.Caller("who", CallerOptions{Schema: "raw3/1->none"})
	want(t, err, TypeMismatch)
}

func TestTakeOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus")
	bus, err := Open(path)
	check(t, err)
	defer bus.Close()
	serve := func(options ServeOptions, text string) (*Server, chan error) {
		own, err := Open(path)
		check(t, err)
		t.Cleanup(own.Close)
		server, err := own.Serve(options)
		check(t, err)
		check(t, server.Handle("who", func(context.Context, []byte) ([]byte, error) { return []byte(text), nil }, HandlerOptions{}))
		return server, make(chan error, 1)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	first, firstDone := serve(ServeOptions{}, "first")
	go func() { firstDone <- first.Run(ctx) }()
	check(t, bus.WaitUntilAvailable(ctx, "who"))
	second, secondDone := serve(ServeOptions{StandBy: true}, "second")
	check(t, second.TakeOver(ctx, FailIfUnresponsive))
	check(t, <-firstDone)
	if !first.Replaced() {
		t.Fatal("not replaced")
	}
	stop, cancelSecond := context.WithCancel(ctx)
	go func() { secondDone <- second.Run(stop) }()
	caller, err := bus.Caller("who", CallerOptions{})
	check(t, err)
	defer caller.Close()
	reply, err := caller.Call(ctx, nil)
	check(t, err)
	if string(reply) != "second" {
		t.Fatalf("%s", reply)
	}
	cancelSecond()
	check(t, <-secondDone)
	check(t, first.Close())
	check(t, second.Close())
}
