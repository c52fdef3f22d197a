package credential

import (
	"strconv"
	"strings"
)

// Challenge returns the value of a WWW-Authenticate field: a scheme and its parameters, a
// name and a value each, quoted. Parameters without a value are left out.
func Challenge(scheme string, params ...string) string {
	var b strings.Builder
	b.WriteString(scheme)
	sep := " "
	for i := 0; i+1 < len(params); i += 2 {
		if params[i+1] == "" {
			continue
		}
		b.WriteString(sep + params[i] + "=" + quote(params[i+1]))
		sep = ", "
	}
	return b.String()
}

// RealmProblem says why a realm cannot be sent, or "".
func RealmProblem(realm string) string {
	for i := range len(realm) {
		if realm[i] < ' ' || realm[i] >= 0x7f {
			return "Config.Realm is " + strconv.QuoteToASCII(realm) + ": use printable ASCII"
		}
	}
	return ""
}

// quote returns s as a quoted-string of RFC 9110.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
