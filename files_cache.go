package geist

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// smallFile is the size up to which files are kept in memory. Beyond it the kernel
	// sends them as fast, opening them included (BenchmarkStatic).
	smallFile = 64 << 10
	// staleAfter is how long a file is served without looking at it again.
	staleAfter = time.Second
	// settled is the age from which a file's size and time tell whether it has changed.
	// A younger one may be written again within one tick of the system's clock.
	settled = 2 * time.Second
	// Bounds of what one Static keeps.
	maxCachedFiles = 4096
	maxCachedBytes = 16 << 20
)

// errNoFile is the error of names that no file has.
var errNoFile = errors.New("geist: no such file")

// files serves what lies in a directory or a file system.
type files struct {
	root *os.Root // or
	fsys fs.FS
	cfg  StaticConfig

	mu      sync.RWMutex
	entries map[string]*fileEntry // guarded by mu
	bytes   int64                 // guarded by mu; of entries
	loading sync.Mutex            // held while content is hashed
}

// fileEntry is what is known of one name: a file with its precompressed siblings,
// or a directory that has an index.
type fileEntry struct {
	dir     bool
	page    bool // the index or the fallback
	forms   []*representation
	checked atomic.Int64 // unix nanoseconds
}

// representation is one form of a file that can be sent. It is immutable.
type representation struct {
	name         string // of the file
	encoding     string // content coding; empty for the file as it is
	mime         string
	size         int64
	modified     time.Time
	seconds      int64  // modified, as dates in a header have it
	lastModified string // likewise; empty if it is not known
	etag         string
	data         []byte // the content of a small file, else nil
}

func (f *files) open(name string) (fs.File, error) {
	if f.root == nil {
		return f.fsys.Open(name)
	}
	file, err := f.root.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, err
	}
	return file, nil
}

// openRegular opens a file that is one: no directory, device or named pipe.
func (f *files) openRegular(name string) (fs.File, fs.FileInfo, error) {
	file, err := f.open(name)
	if err != nil {
		return nil, nil, fileError(err)
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		err = fileError(err)
	case !info.Mode().IsRegular():
		err = errNoFile
	default:
		return file, info, nil
	}
	_ = file.Close()
	return nil, nil, err
}

// fileError turns what opening a file failed with into errNoFile, unless the fault
// is the server's. Which name is too long, is a link out of the root or may not be
// read, nobody outside needs to know.
func fileError(err error) error {
	for _, fault := range outOfFiles {
		if errors.Is(err, fault) {
			return err
		}
	}
	return errNoFile
}

// entry returns what is known of a checked name, looking again if that is stale.
// now is the time of the request. The name is borrowed.
func (f *files) entry(name string, now time.Time) (*fileEntry, error) {
	if e := f.known(name); e != nil {
		now, checked := now.UnixNano(), e.checked.Load()
		if checked > now-int64(staleAfter) || !e.checked.CompareAndSwap(checked, now) {
			return e, nil // fresh, or somebody else is looking
		}
		return f.load(strings.Clone(name), e)
	}
	return f.load(strings.Clone(name), nil)
}

// load looks at a file and remembers it. What old knows of a file that has not
// changed is kept.
func (f *files) load(name string, old *fileEntry) (*fileEntry, error) {
	e, err := f.look(name, old)
	if err != nil {
		f.forget(name)
		return nil, err
	}
	e.checked.Store(time.Now().UnixNano())
	if f.root == nil && !e.dir && e.forms[0].modified.IsZero() {
		e.checked.Store(1<<63 - 1) // it never changes
	}
	f.remember(name, e)
	return e, nil
}

func (f *files) look(name string, old *fileEntry) (*fileEntry, error) {
	form, err := f.represent(name, sibling{}, "", old)
	if err == nil {
		e := &fileEntry{forms: []*representation{form}}
		e.page = name == f.cfg.Fallback || path.Base(name) == f.cfg.Index
		f.addSiblings(e, name, old)
		return e, nil
	}
	if !errors.Is(err, errNoFile) {
		return nil, err
	}
	file, _, err := f.openRegular(name + "/" + f.cfg.Index)
	if err != nil {
		return nil, err
	}
	_ = file.Close()
	return &fileEntry{dir: true}, nil
}

// sibling is the ending of precompressed files with its content coding. The zero
// sibling is the file as it is.
type sibling struct{ ext, encoding string }

var siblings = [...]sibling{{".br", "br"}, {".zst", "zstd"}, {".gz", "gzip"}}

func (f *files) addSiblings(e *fileEntry, name string, old *fileEntry) {
	if f.cfg.DisablePrecompressed {
		return
	}
	for _, s := range siblings {
		if strings.HasSuffix(name, s.ext) {
			return
		}
	}
	plain := e.forms[0]
	for _, s := range siblings {
		form, err := f.represent(name, s, plain.mime, old)
		if err == nil && !form.modified.Add(settled).Before(plain.modified) {
			e.forms = append(e.forms, form)
		}
	}
}

// represent looks at one form of a file. A file that becomes shorter meanwhile is looked at again.
func (f *files) represent(name string, s sibling, mime string, old *fileEntry) (r *representation, err error) {
	for range 3 {
		r, err = f.representOnce(name, s, mime, old)
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
	}
	return r, err
}

func (f *files) representOnce(name string, s sibling, mime string, old *fileEntry) (*representation, error) {
	file, info, err := f.openRegular(name + s.ext)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	if info.ModTime().IsZero() { // its content is hashed: once, whoever asks
		f.loading.Lock()
		defer f.loading.Unlock()
		old = f.known(name)
	} else if time.Since(info.ModTime()) < settled {
		old = nil
	}
	if r := old.form(s.encoding); r != nil && r.sameAs(info) {
		return r, nil
	}
	return newRepresentation(name+s.ext, s.encoding, mime, file, info, false)
}

// known returns the entry of a name as it is, or nil.
func (f *files) known(name string) *fileEntry {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.entries[name]
}

// form returns the form of e with a content coding, or nil.
func (e *fileEntry) form(encoding string) *representation {
	if e != nil {
		for _, r := range e.forms {
			if r.encoding == encoding {
				return r
			}
		}
	}
	return nil
}

// sameAs reports whether a file is still what r was made of.
func (r *representation) sameAs(info fs.FileInfo) bool {
	return r.size == info.Size() && r.modified.Equal(info.ModTime())
}

// newRepresentation describes an open file. To remember it, it reads the content of a
// small one, and hashes that of one without a time. Of a file that is going to be sent, which
// must be able to go back to its beginning, it reads no more than its type needs, and
// hashes it only if it is small.
func newRepresentation(name, encoding, mime string, file fs.File, info fs.FileInfo, toSend bool) (*representation, error) {
	r := &representation{name: name, encoding: encoding, mime: mime, size: info.Size(), modified: info.ModTime()}
	var hash hash.Hash
	small := r.size <= smallFile
	if r.modified.IsZero() && (small || !toSend) {
		hash = sha256.New()
	}
	var head []byte
	switch {
	case small && (hash != nil || !toSend || !r.seekable(file)):
		r.data = make([]byte, r.size)
		n, err := io.ReadFull(file, r.data)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, err
		}
		if int64(n) != r.size {
			return nil, shrunk(io.EOF)
		}
		head = r.data
		if hash != nil {
			_, _ = hash.Write(head)
		}
	case hash != nil:
		head = make([]byte, sniffBytes)
		if _, err := io.ReadFull(io.TeeReader(file, hash), head); err != nil {
			return nil, err
		}
		if _, err := io.Copy(hash, file); err != nil {
			return nil, err
		}
	}
	if r.mime == "" {
		r.mime = fileType(name, func() []byte {
			if head == nil && (!toSend || r.seekable(file)) {
				head = make([]byte, sniffBytes)
				n, _ := io.ReadFull(file, head)
				head = head[:n]
			}
			return head[:min(len(head), sniffBytes)]
		})
	}
	r.validators(hash)
	return r, nil
}

// sniffBytes is how much of a body tells its type: what http.DetectContentType looks at.
const sniffBytes = 512

// validators sets the entity tag and the date: from size and modification time or,
// if there is no such time, from the content.
func (r *representation) validators(hash hash.Hash) {
	tag := []byte{'"'}
	switch {
	case hash != nil:
		tag = hex.AppendEncode(tag, hash.Sum(nil)[:16])
	case r.modified.IsZero():
		return
	default:
		tag = strconv.AppendInt(tag, r.modified.UnixNano(), 36)
		tag = append(tag, '-')
		tag = strconv.AppendInt(tag, r.size, 36)
		r.seconds = r.modified.Unix()
		if r.seconds != 0 {
			r.lastModified = r.modified.UTC().Format(http.TimeFormat)
		}
	}
	if r.encoding != "" {
		tag = append(append(tag, '-'), r.encoding...)
	}
	r.etag = string(append(tag, '"'))
}

// weight is what an entry adds to files.bytes.
func (e *fileEntry) weight() (n int64) {
	for _, r := range e.forms {
		n += int64(len(r.data))
	}
	return n
}

func (f *files) remember(name string, e *fileEntry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.entries == nil {
		f.entries = map[string]*fileEntry{}
	}
	f.removeLocked(name)
	f.entries[name] = e
	f.bytes += e.weight()
	for other := range f.entries { // any other one: which matters little
		if len(f.entries) <= maxCachedFiles && f.bytes <= maxCachedBytes {
			break
		}
		if other != name {
			f.removeLocked(other)
		}
	}
}

func (f *files) forget(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.removeLocked(name)
}

// removeLocked removes an entry. f.mu must be held for writing.
func (f *files) removeLocked(name string) {
	if e := f.entries[name]; e != nil {
		f.bytes -= e.weight()
		delete(f.entries, name)
	}
}
