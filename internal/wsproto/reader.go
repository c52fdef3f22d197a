package wsproto

// Unit is what a peer has said: a whole message, however many frames it came in, or a
// control frame.
type Unit struct {
	// Op is Text, Binary, Close, Ping or Pong. Continuation means that nothing is
	// complete yet.
	Op Opcode
	// Data is the payload. That of a message belongs to the caller; that of a control
	// frame is valid until the next call of Next.
	Data []byte
}

// Reader takes the bytes of one peer, in pieces of any size, and gives its units. It
// is for one goroutine. After an error it is of no use.
type Reader struct {
	limit   int
	masked  bool // what frames have to be
	deflate bool // a message may be compressed

	head [MaxHeader]byte // the beginning of a header
	have uint8           // how many bytes of it
	in   bool            // in the payload of h
	h    Header
	pos  int // in the payload of h

	op         Opcode // of the message in progress, or Continuation
	compressed bool
	text       UTF8
	msg        []byte // of the message in progress
	control    []byte // of the control frame in progress
}

// NewReader returns a Reader of what a client (masked) or a server sends. A message may
// have at most limit bytes, before and after it is inflated; deflate allows compressed
// ones.
func NewReader(masked, deflate bool, limit int) Reader {
	return Reader{masked: masked, deflate: deflate, limit: limit}
}

// Idle reports whether nothing is in progress: no frame and no message.
func (r *Reader) Idle() bool { return r.have == 0 && !r.in && r.op == Continuation }

// Next takes bytes from p, at most to the end of one unit, and returns how many. Where
// no unit is complete, all of p has been taken. p is changed: payloads lose their mask in
// place. The error is an [Error].
func (r *Reader) Next(p []byte) (u Unit, n int, err error) {
	for {
		if !r.in {
			took, err := r.header(p[n:])
			if n += took; err != nil || !r.in {
				return Unit{}, n, err
			}
		}
		took, err := r.payload(p[n:])
		if n += took; err != nil {
			return Unit{}, n, err
		}
		if uint64(r.pos) < r.h.Size {
			return Unit{}, n, nil
		}
		r.in = false
		u, err := r.endFrame()
		if u.Op != Continuation || err != nil {
			return u, n, err
		}
	}
}

// header takes the bytes of a header, and sets r.in when it is complete.
func (r *Reader) header(p []byte) (took int, err error) {
	b := p
	if r.have > 0 {
		took = copy(r.head[r.have:], p)
		b = r.head[:int(r.have)+took]
	}
	h, n, err := ParseHeader(b)
	switch {
	case err != nil:
		return len(p), err
	case len(b) > 1 && h.Masked != r.masked:
		return len(p), r.maskError()
	case n == 0 && r.have > 0:
		r.have += uint8(took)
		return took, nil
	case n == 0:
		r.have = uint8(copy(r.head[:], p))
		return len(p), nil
	}
	if err := r.begin(h); err != nil {
		return len(p), err
	}
	took = n - int(r.have)
	r.have = 0
	return took, nil
}

func (r *Reader) maskError() error {
	if r.masked {
		return errNotMasked
	}
	return errMasked
}

// begin begins the payload of a frame, if it may stand here.
func (r *Reader) begin(h Header) error {
	r.h, r.pos, r.in = h, 0, true
	if h.Op.control() {
		r.control = r.control[:0]
		return nil
	}
	if h.Op == Continuation {
		switch {
		case r.op == Continuation:
			return errNothingToGoOn
		case h.RSV1:
			return errReservedBits
		}
	} else {
		switch {
		case r.op != Continuation:
			return errNotContinued
		case h.RSV1 && !r.deflate:
			return errReservedBits
		}
		r.op, r.compressed, r.text, r.msg = h.Op, h.RSV1, UTF8{}, nil
	}
	if h.Size > uint64(r.limit-len(r.msg)) {
		return errTooBig
	}
	return nil
}

// payload takes bytes of the payload.
func (r *Reader) payload(p []byte) (took int, err error) {
	if left := r.h.Size - uint64(r.pos); uint64(len(p)) > left {
		p = p[:left]
	}
	if len(p) == 0 {
		return 0, nil
	}
	if r.masked {
		Mask(r.h.Key, r.pos, p)
	}
	r.pos += len(p)
	if r.h.Op.control() {
		r.control = append(r.control, p...)
		return len(p), nil
	}
	if r.op == Text && !r.compressed && !r.text.Take(p) {
		return len(p), errText
	}
	r.msg = append(r.room(len(p)), p...)
	return len(p), nil
}

// room returns the message with room for n bytes more: to the end of the frame at
// once if that is all there, else in steps, since the size is only a promise.
func (r *Reader) room(n int) []byte {
	need := len(r.msg) + n
	if need <= cap(r.msg) {
		return r.msg
	}
	whole := need + int(r.h.Size) - r.pos
	if whole > need || !r.h.Fin {
		need = max(need, min(2*cap(r.msg), r.limit))
		if r.h.Fin {
			need = min(need, whole)
		}
	}
	return append(make([]byte, 0, need), r.msg...)
}

// endFrame returns the unit that is complete with the frame, if one is.
func (r *Reader) endFrame() (Unit, error) {
	switch {
	case r.h.Op.control():
		return Unit{r.h.Op, r.control}, nil
	case !r.h.Fin:
		return Unit{}, nil
	}
	u := Unit{r.op, r.msg}
	compressed := r.compressed
	r.op, r.msg, r.compressed = Continuation, nil, false
	if !compressed {
		if u.Op == Text && !r.text.Complete() {
			return Unit{}, errText
		}
		return u, nil
	}
	var err error
	if u.Data, err = Inflate(u.Data, r.limit); err != nil {
		return Unit{}, err
	}
	if u.Op == Text {
		var text UTF8
		if !text.Take(u.Data) || !text.Complete() {
			return Unit{}, errText
		}
	}
	return u, nil
}
