package geist_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// rangeFile is a file that both servers of FuzzRange have.
type rangeFile struct {
	content []byte
	etag    string
	mod     time.Time
}

// rangeFixture serves files of several sizes by geist: empty, tiny, small and streamed.
func rangeFixture(tb testing.TB) (fasthttp.RequestHandler, map[int]rangeFile) {
	dir := tb.TempDir()
	files := map[int]rangeFile{}
	mod := time.Date(2024, 5, 6, 7, 8, 9, 123456789, time.UTC)
	for _, size := range []int{0, 1, 10, 1000, 64 << 10, 64<<10 + 1, 100_000} {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte('a' + i%26)
		}
		name := filepath.Join(dir, strconv.Itoa(size)+".txt")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			tb.Fatal(err)
		}
		if err := os.Chtimes(name, mod, mod); err != nil {
			tb.Fatal(err)
		}
		files[size] = rangeFile{content: b, mod: mod}
	}
	app := geist.New(geist.Config{Logger: discard()})
	app.Static("/", dir)
	h := app.Handler()
	for size, f := range files {
		f.etag = serveDirect(tb, h, "GET", size, nil).header.Get("Etag")
		files[size] = f
	}
	return h, files
}

// served is an answer: parsed, and read to its end.
type served struct {
	status int
	header http.Header
	body   []byte
}

// serveDirect sends one request through the handler and reads what it writes as net/http does.
func serveDirect(tb testing.TB, h fasthttp.RequestHandler, method string, size int, header http.Header) served {
	var req fasthttp.Request
	req.Header.SetMethod(method)
	req.Header.SetHost("example.com")
	req.SetRequestURI(fmt.Sprintf("/%d.txt", size))
	for name, values := range header {
		for _, v := range values {
			req.Header.Add(name, v)
		}
	}
	var rc fasthttp.RequestCtx
	rc.Init(&req, nil, nil)
	h(&rc)
	rc.Response.SkipBody = method == "HEAD"
	var wire bytes.Buffer
	w := bufio.NewWriter(&wire)
	if err := rc.Response.Write(w); err != nil {
		tb.Fatalf("%s with %v: write: %v", method, header, err)
	}
	_ = w.Flush()
	br := bufio.NewReader(&wire)
	resp, err := http.ReadResponse(br, &http.Request{Method: method})
	if err != nil {
		tb.Fatalf("%s with %v: read: %v", method, header, err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatalf("%s with %v: body: %v", method, header, err)
	}
	if br.Buffered() > 0 {
		tb.Fatalf("%s with %v: %d bytes beyond the answer", method, header, br.Buffered())
	}
	return served{resp.StatusCode, resp.Header, body}
}

// reference is what net/http answers.
func (f rangeFile) reference(method string, header http.Header) served {
	req := httptest.NewRequest(method, "/", nil)
	req.Header = header
	rec := httptest.NewRecorder()
	rec.Header().Set("Etag", f.etag)
	rec.Header().Set("Content-Type", "text/plain; charset=utf-8")
	http.ServeContent(rec, req, "x.txt", f.mod, bytes.NewReader(f.content))
	return served{rec.Code, rec.Header(), rec.Body.Bytes()}
}

var (
	strictRange = regexp.MustCompile(`^bytes=[ \t,]*([0-9]+-[0-9]*|-[0-9]+)([ \t]*,[ \t]*([0-9]+-[0-9]*|-[0-9]+)?)*$`)
	numbers     = regexp.MustCompile(`[0-9]+`)
)

// comparableRange returns a Range field as net/http can read it, and whether both must agree on it. They
// need not where net/http is lax (reversed ranges behind the end, suffixes of no length) or
// refuses what RFC 9110 wants ignored, and beyond 32 ranges.
func comparableRange(field string) (string, bool) {
	if field == "" {
		return "", true
	}
	if !strictRange.MatchString(field) {
		return field, false
	}
	ok, specs := true, 0
	field = numbers.ReplaceAllStringFunc(field, func(n string) string {
		if n = strings.TrimLeft(n, "0"); len(n) > 18 {
			return strings.Repeat("9", 18)
		} else if n == "" {
			return "0"
		}
		return n
	})
	for spec := range strings.SplitSeq(strings.TrimPrefix(field, "bytes="), ",") {
		if spec = strings.Trim(spec, " \t"); spec == "" {
			continue
		}
		specs++
		first, last, _ := strings.Cut(spec, "-")
		a, _ := strconv.ParseInt(first, 10, 64)
		b, _ := strconv.ParseInt(last, 10, 64)
		ok = ok && (first != "" || b != 0) && (first == "" || last == "" || a <= b)
	}
	return field, ok && specs <= 32
}

// FuzzRange compares preconditions and ranges with net/http's ServeContent.
func FuzzRange(f *testing.F) {
	h, files := rangeFixture(f)
	date := "{date}"
	for _, seed := range [][6]string{
		{"bytes=0-0"}, {"bytes=0-99"}, {"bytes=-5"}, {"bytes=5-"}, {"bytes=0-0,-1"}, {"bytes=2-4, 6-7 ,9-"}, {"bytes=1000000-"}, {"bytes=0-99999999999999999999999"},
		{"bytes=99999999999999999999-"}, {"bytes=-99999999999999999999"}, {"bytes=5-2"}, {"bytes=-0"}, {"bytes=--1"}, {"bytes=a-b"}, {"lines=1-2"}, {"bytes=,"}, {"bytes=0-5,0-5,0-5"},
		{strings.Repeat("bytes=0-0", 1) + strings.Repeat(",1-1", 40)}, {"bytes=0-0", "{etag}"}, {"bytes=0-0", `"other"`}, {"bytes=0-0", "W/{etag}"}, {"bytes=0-0", date},
		{"bytes=0-0", "Mon, 06 May 2024 07:08:08 GMT"}, {"", "", "{etag}"}, {"", "", "W/{etag}"}, {"", "", "*"}, {"", "", `"a", {etag}`}, {"", "", `"a"`}, {"", "", "garbage"},
		{"", "", "", "{etag}"}, {"", "", "", "W/{etag}"}, {"", "", "", "*"}, {"", "", "", `"a"`}, {"", "", "", "", date}, {"", "", "", "", "Mon, 06 May 2024 07:08:10 GMT"},
		{"", "", "", "", "Mon, 06 May 2024 07:08:08 GMT"}, {"", "", "", "", "garbage"}, {"", "", "", "", "", date}, {"", "", "", "", "", "Mon, 06 May 2024 07:08:08 GMT"},
		{"bytes=0-1", "{etag}", `"a"`, "{etag}", date, date}, {"bytes=0-1", "", "{etag}", `"b"`, date, date}, {"bytes=0-1", "", "", "", date, "Sunday, 06-Nov-94 08:49:37 GMT"},
	} {
		for _, size := range []int{0, 10, 1000, 100_000} {
			f.Add(size, seed[0], seed[1], seed[2], seed[3], seed[4], seed[5])
		}
	}
	sizes := []int{0, 1, 10, 1000, 64 << 10, 64<<10 + 1, 100_000}
	f.Fuzz(func(t *testing.T, size int, rangeField, ifRange, ifNone, ifMatch, ifModified, ifUnmodified string) {
		if _, ok := files[size]; !ok {
			size = sizes[uint(size)%uint(len(sizes))]
		}
		file := files[size]
		header := http.Header{}
		for name, v := range map[string]string{
			"Range": rangeField, "If-Range": ifRange, "If-None-Match": ifNone, "If-Match": ifMatch,
			"If-Modified-Since": ifModified, "If-Unmodified-Since": ifUnmodified,
		} {
			v = strings.ReplaceAll(v, "{etag}", file.etag)
			v = strings.Trim(strings.ReplaceAll(v, "{date}", file.mod.Format(http.TimeFormat)), " \t")
			if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) || len(v) > 2000 {
				t.Skip()
			}
			if v != "" {
				header.Set(name, v)
			}
		}
		got := serveDirect(t, h, "GET", size, header)
		checkHonest(t, header, file, got)

		// HEAD has no ranges; everything else is the same.
		bare := header.Clone()
		bare.Del("Range")
		head := serveDirect(t, h, "HEAD", size, header)
		if want := serveDirect(t, h, "GET", size, bare); head.status != want.status || head.status == 200 && head.header.Get("Content-Length") != want.header.Get("Content-Length") {
			t.Errorf("HEAD with %v: %d %v, want %d %v", header, head.status, head.header, want.status, want.header)
		}

		field, simple := comparableRange(header.Get("Range"))
		if !simple || size == 0 && field != "" { // of nothing net/http sends the bytes 0--1
			return
		}
		if field != "" {
			header.Set("Range", field)
		}
		want := file.reference("GET", header)
		if got.status != want.status || got.header.Get("Content-Range") != want.header.Get("Content-Range") {
			t.Fatalf("size %d, %v:\ngot  %d, Content-Range %q\nwant %d, Content-Range %q", size, header, got.status, got.header.Get("Content-Range"), want.status, want.header.Get("Content-Range"))
		}
		switch {
		case got.status >= 300:
		case strings.HasPrefix(want.header.Get("Content-Type"), "multipart/"):
			if g, w := partsOf(t, got), partsOf(t, want); g != w {
				t.Errorf("size %d, %v: parts\n%s\nwant\n%s", size, header, g, w)
			}
		case !bytes.Equal(got.body, want.body):
			t.Errorf("size %d, %v: body of %d bytes differs from %d", size, header, len(got.body), len(want.body))
		}
	})
}

// partsOf renders the parts of a multipart/byteranges answer.
func partsOf(tb testing.TB, s served) string {
	_, params, err := mime.ParseMediaType(s.header.Get("Content-Type"))
	if err != nil {
		tb.Fatal(err)
	}
	var b strings.Builder
	r := multipart.NewReader(bytes.NewReader(s.body), params["boundary"])
	for {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return b.String()
		}
		if err != nil {
			tb.Fatalf("parts of %q: %v", s.body, err)
		}
		body, err := io.ReadAll(p)
		if err != nil {
			tb.Fatal(err)
		}
		fmt.Fprintf(&b, "%v %q\n", p.Header, body)
	}
}

// checkHonest checks what holds for every answer: the status is one of those that files have, the
// length is that of the body, and a part is the piece that it claims to be.
func checkHonest(t *testing.T, header http.Header, file rangeFile, got served) {
	t.Helper()
	if n := got.header.Get("Content-Length"); got.status != 304 && n != strconv.Itoa(len(got.body)) {
		t.Errorf("%v: Content-Length %q, body of %d bytes", header, n, len(got.body))
	}
	switch got.status {
	case 200:
		if !bytes.Equal(got.body, file.content) {
			t.Errorf("%v: 200 with %d bytes of %d", header, len(got.body), len(file.content))
		}
	case 206:
		var from, to, size int
		if strings.HasPrefix(got.header.Get("Content-Type"), "multipart/") {
			partsOf(t, got)
			return
		}
		if _, err := fmt.Sscanf(got.header.Get("Content-Range"), "bytes %d-%d/%d", &from, &to, &size); err != nil || size != len(file.content) || from > to || !bytes.Equal(got.body, file.content[from:to+1]) {
			t.Errorf("%v: Content-Range %q with %d bytes", header, got.header.Get("Content-Range"), len(got.body))
		}
	case 304:
		if len(got.body) > 0 || got.header.Get("Etag") != file.etag || got.header.Get("Content-Type") != "" {
			t.Errorf("%v: 304 with %d bytes and %v", header, len(got.body), got.header)
		}
	case 412:
	case 416:
		if want := fmt.Sprintf("bytes */%d", len(file.content)); got.header.Get("Content-Range") != want {
			t.Errorf("%v: 416 with Content-Range %q, want %q", header, got.header.Get("Content-Range"), want)
		}
	default:
		t.Errorf("%v: status %d", header, got.status)
	}
}

// What geist does where net/http does otherwise.
func TestStatic_rangeOdd(t *testing.T) {
	h, _ := rangeFixture(t)
	for _, tt := range []struct {
		field  string
		status int
	}{
		{"bytes=-0", 416},
		{"bytes=0-0,-0", 206},
		{"bytes=5-2", 200},
		{"bytes=2000-1000", 200},
		{"lines=0-0", 200},
		{"bytes 0-0", 200},
		{"Bytes=0-0", 206},
		{"bytes=0-0" + strings.Repeat(",0-0", 31), 206},
		{"bytes=0-0" + strings.Repeat(",0-0", 32), 200},
		{"bytes=0-0" + strings.Repeat(",0-0", 9999), 200},
		{"bytes=0-" + strings.Repeat(",0-", 20), 200},
		{"bytes=+1-2", 200},
		{"bytes=0x1-2", 200},
		{"bytes=-9223372036854775808", 206},
		{"bytes=9223372036854775807-9223372036854775807", 416},
		{"bytes=1-18446744073709551616", 206},
	} {
		if got := serveDirect(t, h, "GET", 1000, http.Header{"Range": {tt.field}}); got.status != tt.status {
			t.Errorf("Range: %.40s: status = %d, want %d", tt.field, got.status, tt.status)
		}
	}
	if got := serveDirect(t, h, "GET", 1000, http.Header{"If-None-Match": {`"a"`, "*"}}); got.status != 304 {
		t.Errorf("If-None-Match in two fields: status = %d, want 304", got.status)
	}
}

// A page for an error is sent whole and with its status.
func TestCtx_File_withStatus(t *testing.T) {
	dir := site(t, map[string]string{"404.html": "lost"})
	app := geist.New(geist.Config{Logger: discard()})
	app.NotFound(func(c *geist.Ctx) error { return c.Status(404).File(filepath.Join(dir, "404.html")) })
	c := geisttest.New(t, app)
	c.GET("/x").Header("Range", "bytes=0-1").Header("If-None-Match", "*").Do().Status(404).BodyIs("lost").HasHeader("Content-Type", "text/html; charset=utf-8")
}
