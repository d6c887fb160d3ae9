package shmbus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestStreams(t *testing.T) {
	stopped := make(chan error, 1)
	handlers := names{
		"out": func(ctx context.Context, request []byte) ([]byte, error) {
			out, err := WriterOf(ctx)
			for i := 0; err == nil && (len(request) != 0 || i < 1000); i++ {
				err = out.Put([]byte(fmt.Sprint(i)))
			}
			if err != nil {
				stopped <- err
			}
			return nil, err
		},
		"in": func(ctx context.Context, _ []byte) ([]byte, error) {
			in, err := ReaderOf(ctx)
			count := 0
			for ; err == nil; count++ {
				_, err = in.Next()
			}
			if !errors.Is(err, StreamEnded) {
				return nil, err
			}
			return []byte(fmt.Sprint(count - 1)), nil
		},
		"both": func(ctx context.Context, _ []byte) ([]byte, error) {
			in, err := ReaderOf(ctx)
			if err != nil {
				return nil, err
			}
			out, err := WriterOf(ctx)
			for err == nil {
				var record []byte
				if record, err = in.Next(); err == nil {
					err = out.Put(record)
				}
			}
			if errors.Is(err, StreamEnded) {
				err = nil
			}
			return nil, err
		},
	}
	for _, options := range []HandlerOptions{{}, {Concurrent: 2}} {
		p := newPair(t, handlers, options)
		records, count := p.caller("out").Records(p.ctx, nil, 16), 0
		for record := range records.C {
			if string(record) != fmt.Sprint(count) {
				t.Fatalf("%s after %d", record, count)
			}
			count++
		}
		check(t, records.Err())
		if count != 1000 {
			t.Fatal(count)
		}
		ctx, cancel := context.WithCancel(p.ctx)
		records = p.caller("out").Records(ctx, []byte("for ever"), 1)
		<-records.C
		cancel()
		want(t, records.Err(), Cancelled)
		if err := <-stopped; !errors.Is(err, Cancelled) {
			t.Fatal(err)
		}
		stream, err := p.caller("in").Open(p.ctx, nil, StreamOptions{Records: ToHandler})
		check(t, err)
		for i := 0; i < 2000; i++ {
			check(t, stream.Put(make([]byte, i%100)))
		}
		reply, err := stream.Finish()
		check(t, err)
		if string(reply) != "2000" {
			t.Fatalf("%s", reply)
		}
		stream.Close()
		stream, err = p.caller("both").Open(p.ctx, nil, StreamOptions{Records: BothWays})
		check(t, err)
		for i := 0; i < 100; i++ {
			sent := []byte(fmt.Sprint(i))
			check(t, stream.Put(sent))
			record, err := stream.Next()
			check(t, err)
			if !bytes.Equal(sent, record) {
				t.Fatalf("%s %s", sent, record)
			}
		}
		check(t, stream.CloseSend())
		check(t, stream.End())
		stream.Close()
	}
}

func TestEvents(t *testing.T) {
	p := newPair(t, names{"echo": echo}, HandlerOptions{})
	_, err := p.bus.Publisher("echo", PublisherOptions{})
	want(t, err, AlreadyRegistered)
	publisher, err := p.bus.Publisher("tick", PublisherOptions{Keep: 4})
	check(t, err)
	defer publisher.Close()
	held, err := p.bus.Subscribe("tick", SubscriberOptions{Hold: true})
	check(t, err)
	events, end := held.Events(p.ctx, 8)
	go func() {
		for i := 1; i <= 500; i++ {
			if _, err := publisher.Publish(p.ctx, []byte(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		}
	}()
	for i := 1; i <= 500; i++ {
		event := <-events
		if event.Sequence != uint64(i) || string(event.Data) != fmt.Sprint(i) {
			t.Fatalf("%+v at %d %v", event, i, end())
		}
	}
	late, err := p.bus.Subscribe("tick", SubscriberOptions{From: FromLatest})
	check(t, err)
	defer late.Close()
	event, err := late.Next(p.ctx)
	check(t, err)
	if event.Sequence != 500 {
		t.Fatalf("%+v", event)
	}
	ctx, cancel := context.WithTimeout(p.ctx, 30*time.Millisecond)
	defer cancel()
	_, err = late.Next(ctx)
	want(t, err, TimedOut)
	typed, err := p.bus.Publisher("typed", PublisherOptions{Schema: "{a:i32@0}4/4->none"})
	check(t, err)
	defer typed.Close()
	_, err = p.bus.Subscribe("typed", SubscriberOptions{Schema: "{a:u32@0}4/4->none"})
	want(t, err, TypeMismatch)
}
