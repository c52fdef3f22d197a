package wsproto

import (
	"bytes"
	"compress/flate"
	"crypto/rand"
	"runtime"
	"strings"
	"testing"
)

func TestInflate_roundTrip(t *testing.T) {
	random := make([]byte, 100_000)
	_, _ = rand.Read(random)
	for _, want := range [][]byte{nil, []byte("a"), []byte("Hello"), bytes.Repeat([]byte("geist "), 50_000), random} {
		z := AppendDeflated([]byte("head"), want)
		if !bytes.HasPrefix(z, []byte("head")) {
			t.Fatalf("%d bytes: got %.8q, want it behind what was there", len(want), z)
		}
		got, err := Inflate(z[4:], len(want))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got %d bytes, %v", len(want), len(got), err)
		}
		if len(want) > 0 {
			if _, err := Inflate(z[4:], len(want)-1); err != error(errTooBig) {
				t.Errorf("%d bytes over the limit: got %v, want %v", len(want), err, errTooBig)
			}
		}
	}
}

// TestInflate_rfcExamples decodes the payloads of RFC 7692 §7.2.3.
func TestInflate_rfcExamples(t *testing.T) {
	for name, p := range map[string][]byte{
		"one block":          {0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00},
		"stored":             {0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00},
		"last block":         {0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00},
		"two blocks":         {0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00},
		"last block, unsaid": {0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00},
	} {
		if got, err := Inflate(p, 100); err != nil || string(got) != "Hello" {
			t.Errorf("%s: got %q, %v, want Hello", name, got, err)
		}
	}
}

func TestInflate_refuses(t *testing.T) {
	for name, p := range map[string][]byte{
		"nothing":         {},
		"reserved block":  {0x07},
		"cut":             {0xf2, 0x48, 0xcd},
		"far distance":    {0x03, 0x42, 0x00},
		"behind the last": {0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x07},
	} {
		if got, err := Inflate(p, 100); err != error(errDeflate) {
			t.Errorf("%s: got %q, %v, want %v", name, got, err, errDeflate)
		}
	}
}

// TestInflate_boundedMemory inflates 60 KB that would become 60 MB.
func TestInflate_boundedMemory(t *testing.T) {
	var z bytes.Buffer
	w, _ := flate.NewWriter(&z, flate.BestCompression)
	zeroes := make([]byte, 1<<20)
	for range 60 {
		_, _ = w.Write(zeroes)
	}
	_ = w.Flush()
	p := bytes.TrimSuffix(z.Bytes(), syncTail)
	if len(p) > 64<<10 {
		t.Fatalf("the bomb has %d bytes, want at most 64 KiB", len(p))
	}
	_, _ = Inflate(p, 64<<10) // the pool has an inflater now, most of the time
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const rounds = 20
	for range rounds {
		if _, err := Inflate(p, 64<<10); err != error(errTooBig) {
			t.Fatalf("got %v, want %v", err, errTooBig)
		}
	}
	runtime.ReadMemStats(&after)
	// Growing by doubling costs twice the limit; a new inflater, 50 KB.
	if got := (after.TotalAlloc - before.TotalAlloc) / rounds; got > 400<<10 {
		t.Errorf("refusing the bomb allocated %d bytes, want at most 400 KiB", got)
	}
}

// TestInflate_boundedRestarts: a message may have several blocks that are marked as the
// last, but not as many as fit.
func TestInflate_boundedRestarts(t *testing.T) {
	const empty = "\x03\x00" // a last block without anything
	hello := "\xf3\x48\xcd\xc9\xc9\x07\x00"
	for n, want := range map[int]error{0: nil, 1: nil, maxStreams - 2: nil, maxStreams: errDeflate, 30_000: errDeflate} {
		got, err := Inflate([]byte(hello+strings.Repeat(empty, n)), 100)
		if err != want || err == nil && string(got) != "Hello" {
			t.Errorf("%d empty blocks: got %q, %v, want error %v", n, got, err, want)
		}
	}
}

func FuzzInflate(f *testing.F) {
	f.Add([]byte{0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}, uint16(100))
	f.Add([]byte{0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00}, uint16(3))
	f.Fuzz(func(t *testing.T, p []byte, limit uint16) {
		out, err := Inflate(bytes.Clone(p), int(limit))
		if err != nil {
			return
		}
		if len(out) > int(limit) {
			t.Fatalf("got %d bytes, want at most %d", len(out), limit)
		}
		again, err := Inflate(AppendDeflated(nil, out), int(limit))
		if err != nil || !bytes.Equal(again, out) {
			t.Errorf("compressed and inflated again: got %q, %v, want %q", again, err, out)
		}
	})
}
