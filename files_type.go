package geist

import (
	"mime"
	"net/http"
	"path"
	"strings"
)

// fileType returns the content type of a file: by this table, so that the web's own
// types are the same on every machine, by the system's, or by its first bytes, which
// head returns, or nil if they cannot be had.
func fileType(name string, head func() []byte) string {
	ext := strings.ToLower(path.Ext(name))
	if t := webType(ext); t != "" {
		return t
	}
	if t := mime.TypeByExtension(ext); t != "" {
		return t
	}
	if b := head(); b != nil {
		return http.DetectContentType(b)
	}
	return "application/octet-stream"
}

// webType returns the content type of an extension in lower case, or "".
// Long on purpose: it is a table.
func webType(ext string) string {
	switch ext {
	case ".html", ".htm":
		return mimeHTML
	case ".css":
		return "text/css; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".json", ".map":
		return mimeJSON
	case ".webmanifest":
		return "application/manifest+json"
	case ".wasm":
		return "application/wasm"
	case ".txt", ".text", ".log":
		return mimeText
	case ".md":
		return "text/markdown; charset=utf-8"
	case ".csv":
		return "text/csv; charset=utf-8"
	case ".xml":
		return "text/xml; charset=utf-8"
	case ".yaml", ".yml":
		return "application/yaml"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".gif":
		return "image/gif"
	case ".webp":
		return "image/webp"
	case ".avif":
		return "image/avif"
	case ".ico":
		return "image/x-icon"
	case ".woff":
		return "font/woff"
	case ".woff2":
		return "font/woff2"
	case ".ttf":
		return "font/ttf"
	case ".otf":
		return "font/otf"
	case ".mp4":
		return "video/mp4"
	case ".webm":
		return "video/webm"
	case ".mp3":
		return "audio/mpeg"
	case ".wav":
		return "audio/wav"
	case ".pdf":
		return "application/pdf"
	case ".zip":
		return "application/zip"
	case ".gz":
		return "application/gzip"
	case ".br", ".zst", ".bin":
		return "application/octet-stream"
	}
	return ""
}
