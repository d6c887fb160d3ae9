// The peer of Go: tests/conformance/README.md says what it does.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"shmbus"
)

var output sync.Mutex

func say(format string, args ...any) {
	output.Lock()
	defer output.Unlock()
	fmt.Printf(format+"\n", args...)
}

func kindOf(err error) string {
	var e *shmbus.Error
	if errors.As(err, &e) {
		return e.Kind.String()
	}
	return "unknown"
}

func text(s string) string {
	if s == "" {
		return "-"
	}
	return "x" + hex.EncodeToString([]byte(s))
}

func errorLine(err error) string {
	var e *shmbus.Error
	if !errors.As(err, &e) {
		e = &shmbus.Error{Text: err.Error()}
	}
	causes := "-"
	for i, one := range e.Causes {
		line := fmt.Sprintf("%s:%d:%s", one.Kind, one.Code, text(one.Command))
		if i == 0 {
			causes = line
		} else {
			causes += "," + line
		}
	}
	ran := 0
	if e.MayHaveRun {
		ran = 1
	}
	return fmt.Sprintf("error %s code=%d may_have_run=%d needed=%d text=%s causes=%s",
		e.Kind, e.Code, ran, e.Needed, text(e.Text), causes)
}

func pattern(size int) []byte {
	out := make([]byte, size)
	for i := range out {
		out[i] = byte(i*31 + 7)
	}
	return out
}

func parse(data string) []byte {
	switch {
	case data == "-":
		return nil
	case strings.HasPrefix(data, "x"):
		out, _ := hex.DecodeString(data[1:])
		return out
	}
	size, _ := strconv.Atoi(strings.TrimSuffix(data, "*"))
	return pattern(size)
}

func show(data []byte) string {
	if len(data) > 128 {
		return fmt.Sprintf("%d:%08x", len(data), crc32.ChecksumIEEE(data))
	}
	return text(string(data))
}

// line is one command.
type line struct {
	words   []string
	options map[string]string
}

func (l line) word(i int) string {
	if i < len(l.words) {
		return l.words[i]
	}
	return "-"
}

func (l line) number(i int) int { n, _ := strconv.Atoi(l.word(i)); return n }

func (l line) option(name string, usual int) int {
	if n, err := strconv.Atoi(l.options[name]); err == nil {
		return n
	}
	return usual
}

type started struct {
	*shmbus.Pending
	end context.CancelFunc
}

// peer runs its commands on one goroutine, to which its pending calls belong.
type peer struct {
	bus         *shmbus.Bus
	callers     map[string]*shmbus.Caller
	pending     []started
	publishers  map[string]*shmbus.Publisher
	subscribers map[string]*shmbus.Subscriber
}

func (p *peer) caller(l line) (*shmbus.Caller, error) {
	options := shmbus.CallerOptions{Wait: l.options["vacant"] == "wait", FailWhenFull: l.options["full"] == "fail",
		Room: l.option("room", 65536), Schema: l.options["schema"]}
	if l.options["goes"] == "cancel" {
		options.OnCallerExit = shmbus.CancelOnExit
	}
	key := fmt.Sprint(l.word(1), options)
	if caller, ok := p.callers[key]; ok {
		return caller, nil
	}
	caller, err := p.bus.Caller(l.word(1), options)
	if err == nil {
		p.callers[key] = caller
	}
	return caller, err
}

func within(l line) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), time.Duration(l.option("timeout", 5000))*time.Millisecond)
}

func answer(reply []byte, err error) string {
	if err != nil {
		return errorLine(err)
	}
	return "ok " + show(reply)
}

func done(err error) string {
	if err != nil {
		return errorLine(err)
	}
	return "ok"
}

func (p *peer) calling(l line) string {
	caller, err := p.caller(l)
	if err != nil {
		return errorLine(err)
	}
	data := parse(l.word(2))
	ctx, cancel := within(l)
	fill := func(room []byte) error { copy(room, data); return nil }
	switch l.word(0) {
	case "call":
		defer cancel()
		return answer(caller.Call(ctx, data))
	case "loan":
		defer cancel()
		return answer(caller.CallInPlace(ctx, len(data), fill))
	case "send":
		defer cancel()
		return done(caller.Send(ctx, data))
	}
	one, err := caller.Start(ctx, data)
	if err != nil {
		cancel()
		return errorLine(err)
	}
	p.pending = append(p.pending, started{one, cancel})
	return "ok"
}

// fill starts calls until one fails.
func (p *peer) fill(l line) string {
	l.options["full"] = "fail"
	caller, err := p.caller(l)
	if err != nil {
		return errorLine(err)
	}
	ctx, cancel := within(l)
	defer cancel()
	var all []*shmbus.Pending
	for err == nil {
		var one *shmbus.Pending
		if one, err = caller.Start(ctx, pattern(l.number(2))); err == nil {
			all = append(all, one)
		}
	}
	for _, one := range all {
		one.Cancel()
	}
	cancel()
	for _, one := range all {
		_, _ = one.Wait()
	}
	return fmt.Sprintf("ok %d %s", len(all), errorLine(err))
}

func (p *peer) stream(l line) string {
	caller, err := p.caller(l)
	if err != nil {
		return errorLine(err)
	}
	ctx, cancel := within(l)
	defer cancel()
	options := shmbus.StreamOptions{Window: l.option("window", 0)}
	var request []byte
	switch l.word(0) {
	case "read":
		request = parse(l.word(2))
	case "write":
		options.Records = shmbus.ToHandler
	case "talk":
		options.Records = shmbus.BothWays
	}
	s, err := caller.Open(ctx, request, options)
	if err != nil {
		return errorLine(err)
	}
	defer s.Close()
	record, count, size, crc := pattern(l.number(3)), 0, 0, uint32(0)
	next := func() bool {
		got, err := s.Next()
		if err == nil {
			count, size, crc = count+1, size+len(got), crc32.Update(crc, crc32.IEEETable, got)
		}
		return err == nil
	}
	switch l.word(0) {
	case "read":
		for stop := l.option("stop", -1); next(); {
			if count == stop {
				s.Cancel()
				break
			}
		}
	case "write":
		for i := 0; i < l.number(2) && s.Put(record) == nil; i++ {
		}
		return answer(s.Finish())
	case "talk":
		for i := 0; i < l.number(2) && s.Put(record) == nil && next(); i++ {
		}
		_ = s.CloseSend()
	}
	if err := s.End(); err != nil {
		return fmt.Sprintf("%s records=%d", errorLine(err), count)
	}
	return fmt.Sprintf("ok %d %d %08x", count, size, crc)
}

func (p *peer) events(l line) string {
	name := l.word(1)
	ctx, cancel := within(l)
	defer cancel()
	var err error
	switch l.word(0) {
	case "publish":
		if p.publishers[name] == nil {
			p.publishers[name], err = p.bus.Publisher(name, shmbus.PublisherOptions{Keep: l.option("keep", 0),
				EventBytes: l.option("bytes", 0), Schema: l.options["schema"]})
		}
		if err == nil {
			var sequence uint64
			if sequence, err = p.publishers[name].Publish(ctx, parse(l.word(2))); err == nil {
				return fmt.Sprint("ok ", sequence)
			}
		} else {
			delete(p.publishers, name)
		}
	case "subscribe":
		from := map[string]shmbus.From{"latest": shmbus.FromLatest, "oldest": shmbus.FromOldest}[l.options["from"]]
		var s *shmbus.Subscriber
		s, err = p.bus.Subscribe(name, shmbus.SubscriberOptions{From: from, Hold: l.options["slow"] == "hold", Schema: l.options["schema"]})
		if err == nil {
			p.subscribers[name] = s
			return "ok"
		}
	case "next":
		var event shmbus.Event
		if event, err = p.subscribers[name].Next(ctx); err == nil {
			return fmt.Sprintf("ok %d %s", event.Sequence, show(event.Data))
		}
	case "missed":
		var missed uint64
		if missed, err = p.subscribers[name].Missed(); err == nil {
			return fmt.Sprint("ok ", missed)
		}
	}
	return errorLine(err)
}

func (p *peer) other(l line) string {
	ctx, cancel := within(l)
	defer cancel()
	switch l.word(0) {
	case "available":
		return done(p.bus.WaitUntilAvailable(ctx, l.word(1)))
	case "schema":
		schema, err := p.bus.Schema(l.word(1))
		if err != nil {
			return errorLine(err)
		}
		return "ok " + text(schema)
	case "register":
		server, err := p.bus.Serve(shmbus.ServeOptions{})
		if err != nil {
			return errorLine(err)
		}
		defer server.Close()
		return done(server.Handle(l.word(1), echo, shmbus.HandlerOptions{Schema: l.options["schema"]}))
	case "open":
		bus, err := shmbus.OpenWith(l.word(1), shmbus.OpenOptions{NoCreate: true})
		if err == nil {
			bus.Close()
		}
		return done(err)
	case "caller":
		caller, err := p.bus.Caller(l.word(1), shmbus.CallerOptions{Schema: l.options["schema"]})
		if err == nil {
			caller.Close()
		}
		return done(err)
	case "cancel":
		p.pending[0].Cancel()
		return "ok"
	case "wait":
		one := p.pending[0]
		p.pending = p.pending[1:]
		defer one.end()
		return answer(one.Wait())
	}
	return "error invalid_argument code=0 may_have_run=0 needed=0 text=- causes=-"
}

func call(path string) error {
	bus, err := shmbus.Open(path)
	if err != nil {
		return err
	}
	defer bus.Close()
	p := &peer{bus: bus, callers: map[string]*shmbus.Caller{}, publishers: map[string]*shmbus.Publisher{},
		subscribers: map[string]*shmbus.Subscriber{}}
	say("ready")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		l := line{options: map[string]string{}}
		for i, word := range strings.Fields(input.Text()) {
			if at := strings.IndexByte(word, '='); i > 0 && at > 0 && !strings.HasPrefix(word, "x") {
				l.options[word[:at]] = word[at+1:]
			} else {
				l.words = append(l.words, word)
			}
		}
		switch l.word(0) {
		case "call", "loan", "send", "start":
			say("%s", p.calling(l))
		case "fill":
			say("%s", p.fill(l))
		case "read", "write", "talk":
			say("%s", p.stream(l))
		case "publish", "subscribe", "next", "missed":
			say("%s", p.events(l))
		default:
			say("%s", p.other(l))
		}
	}
	return nil
}
