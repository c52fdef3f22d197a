package swagger

import (
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Expressions of formats that no parser of the standard library knows.
var (
	uuidForm     = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)
	hostnameForm = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*\.?$`)
)

// hasFormat reports whether a text has a format. Formats that this package does not emit
// are taken on trust.
func hasFormat(format, v string) bool {
	switch format {
	case "date-time":
		_, err := time.Parse(time.RFC3339, v)
		return err == nil
	case "date":
		_, err := time.Parse(time.DateOnly, v)
		return err == nil
	case "uuid":
		return uuidForm.MatchString(v)
	case "email":
		a, err := mail.ParseAddress(v)
		return err == nil && a.Address == v
	case "ipv4":
		a, err := netip.ParseAddr(v)
		return err == nil && a.Is4()
	case "ipv6":
		a, err := netip.ParseAddr(v)
		return err == nil && a.Is6() && a.Zone() == ""
	case "hostname":
		return len(v) <= 254 && hostnameForm.MatchString(v)
	case "uri":
		u, err := url.Parse(v)
		return err == nil && u.IsAbs() && !strings.ContainsAny(v, " \\")
	case "uri-reference":
		_, err := url.Parse(v)
		return err == nil && !strings.ContainsAny(v, " \\")
	}
	return true
}
