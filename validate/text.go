package validate

import (
	"fmt"
	"reflect"
	"strings"

	ut "github.com/go-playground/universal-translator"
	"github.com/go-playground/validator/v10"
	"golang.org/x/text/language"
)

// note describes what validator has found at the path, in the language of the request.
func (w *walk) note(parent reflect.Type, e validator.FieldError, further ...string) {
	if trans := w.language(); trans != nil && !besideFields[e.Tag()] && w.v.texts[e.Tag()] == "" {
		if text := strings.TrimSpace(e.Translate(trans)); text != e.Error() {
			w.add(text, further...)
			return
		}
	}
	param := e.Param()
	if besideFields[e.Tag()] {
		param = wireNames(parent, param)
	}
	w.add(w.text(e.Tag(), param, e.Kind()), further...)
}

// text returns the English text for a rule that is violated. It holds nothing of the value.
func (w *walk) text(rule, param string, kind reflect.Kind) string {
	if text := w.v.texts[rule]; text != "" {
		return strings.ReplaceAll(text, "{param}", param)
	}
	if text := sizeText(rule, param, kind); text != "" {
		return text
	}
	if text, ok := texts[rule]; ok {
		return strings.ReplaceAll(text, "{param}", param)
	}
	if param != "" {
		return "does not satisfy the rule " + rule + " " + param
	}
	return "does not satisfy the rule " + rule
}

// sizeText returns the text of a rule whose meaning depends on what is measured.
func sizeText(rule, param string, kind reflect.Kind) string {
	relation := map[string]string{"len": "exactly", "eq": "", "min": "at least", "gte": "at least", "max": "at most", "lte": "at most", "gt": "more than", "lt": "less than"}
	how, ok := relation[rule]
	if !ok || param == "" && rule != "gt" && rule != "gte" && rule != "lt" && rule != "lte" {
		return ""
	}
	switch {
	case param == "": // a time, compared with now
		return map[string]string{"gt": "must be in the future", "gte": "must not be in the past", "lt": "must be in the past", "lte": "must not be in the future"}[rule]
	case rule == "eq":
		return "must be " + param
	case kind == reflect.String:
		return fmt.Sprintf("must have %s %s", how, count(param, "character", "characters"))
	case kind == reflect.Slice || kind == reflect.Array || kind == reflect.Map:
		return fmt.Sprintf("must have %s %s", how, count(param, "element", "elements"))
	case rule == "len":
		return "must be " + param
	}
	return fmt.Sprintf("must be %s %s", how, param)
}

func count(n, one, many string) string {
	if n == "1" {
		return n + " " + one
	}
	return n + " " + many
}

// texts are those of rules that mean the same for every type.
var texts = map[string]string{
	"required": "is required", "required_if": "is required", "required_unless": "is required", "required_with": "is required",
	"required_with_all": "is required", "required_without": "is required", "required_without_all": "is required",
	"excluded_if": "must not be there", "excluded_unless": "must not be there", "excluded_with": "must not be there",
	"excluded_with_all": "must not be there", "excluded_without": "must not be there", "excluded_without_all": "must not be there",
	"isdefault": "must not be there",
	"ne":        "must not be {param}", "oneof": "must be one of: {param}", "oneofci": "must be one of: {param}", "noneof": "must be none of: {param}",
	"eqfield": "must be the same as {param}", "nefield": "must differ from {param}", "gtfield": "must be more than {param}",
	"gtefield": "must be at least {param}", "ltfield": "must be less than {param}", "ltefield": "must be at most {param}",
	"eqcsfield": "must be the same as {param}", "necsfield": "must differ from {param}", "gtcsfield": "must be more than {param}",
	"gtecsfield": "must be at least {param}", "ltcsfield": "must be less than {param}", "ltecsfield": "must be at most {param}",
	"unique": "must have no value twice",
	"email":  "must be an e-mail address", "url": "must be a URL", "http_url": "must be a URL with http or https", "uri": "must be a URI",
	"uuid": "must be a UUID", "uuid3": "must be a UUID of version 3", "uuid4": "must be a UUID of version 4", "uuid5": "must be a UUID of version 5",
	"ulid": "must be a ULID", "ip": "must be an IP address", "ipv4": "must be an IPv4 address", "ipv6": "must be an IPv6 address",
	"cidr": "must be an address range in CIDR form", "mac": "must be a MAC address", "hostname": "must be a host name",
	"hostname_rfc1123": "must be a host name", "fqdn": "must be a full domain name", "hostname_port": "must be a host name and a port", "port": "must be a port number",
	"alpha": "must have letters only", "alphanum": "must have letters and digits only", "alphaunicode": "must have letters only",
	"alphanumunicode": "must have letters and digits only", "ascii": "must be ASCII", "printascii": "must be printable ASCII",
	"numeric": "must be a number", "number": "must have digits only", "boolean": "must be true or false", "hexadecimal": "must be hexadecimal",
	"lowercase": "must be in lower case", "uppercase": "must be in upper case",
	"contains": "must contain {param}", "containsany": "must contain one of the characters {param}", "excludes": "must not contain {param}",
	"excludesall": "must contain none of the characters {param}", "startswith": "must begin with {param}", "endswith": "must end with {param}",
	"startsnotwith": "must not begin with {param}", "endsnotwith": "must not end with {param}",
	"datetime": "must have the form {param}", "timezone": "must be a time zone", "e164": "must be a telephone number such as +4930123456",
	"json": "must be JSON", "jwt": "must be a JSON web token", "base64": "must be base64", "base64url": "must be base64 for URLs",
	"hexcolor": "must be a colour such as #aabbcc", "iscolor": "must be a colour", "semver": "must be a version such as 1.2.3",
	"latitude": "must be a latitude", "longitude": "must be a longitude", "country_code": "must be a country code",
	"iso3166_1_alpha2": "must be a country code of two letters", "iso4217": "must be a currency code", "bcp47_language_tag": "must be a language tag",
	"credit_card": "must be a credit card number", "iban": "must be an IBAN", "bic": "must be a BIC",
}

// wireName returns what clients call a field: its name in documents, or else in the part
// of the request that it comes from. Translations name it.
func wireName(sf reflect.StructField) string {
	for _, tag := range []string{"json", "path", "uri", "query", "header", "cookie", "form", "xml"} {
		if name, _, _ := strings.Cut(sf.Tag.Get(tag), ","); name != "" && name != "-" {
			return name
		}
	}
	return sf.Name
}

// wireNames replaces the fields of t in the parameter of a rule by what clients call them.
func wireNames(t reflect.Type, param string) string {
	words := strings.Fields(param)
	for i, word := range words {
		if sf, ok := t.FieldByName(word); ok {
			words[i] = wireName(sf)
		}
	}
	return strings.Join(words, " ")
}

// speak adds the languages of a configuration to English, which comes first.
func (v *Validator) speak(languages []Language) {
	if len(languages) == 0 {
		return
	}
	tags := []language.Tag{language.English}
	for _, l := range languages {
		if l.Locale == nil || l.Register == nil {
			v.problems = append(v.problems, "Languages of validate.Config holds one without Locale or Register: give both")
			continue
		}
		tag, err := language.Parse(strings.ReplaceAll(l.Locale.Locale(), "_", "-"))
		if err != nil {
			v.problems = append(v.problems, fmt.Sprintf("Languages of validate.Config holds %s: %v", l.Locale.Locale(), err))
			continue
		}
		trans, _ := ut.New(l.Locale).GetTranslator(l.Locale.Locale())
		if err := guard(func() error { return l.Register(v.rules, trans) }); err != nil {
			v.problems = append(v.problems, fmt.Sprintf("Register of the language %s of validate.Config: %v", l.Locale.Locale(), err))
			continue
		}
		tags = append(tags, tag)
		v.languages = append(v.languages, trans)
	}
	v.matcher = language.NewMatcher(tags)
}

// language returns the translator for the request, or nil for English.
func (w *walk) language() ut.Translator {
	if w.known || w.c == nil || len(w.v.languages) == 0 {
		return w.trans
	}
	w.known = true
	if _, i := language.MatchStrings(w.v.matcher, w.c.Header("Accept-Language")); i > 0 {
		w.trans = w.v.languages[i-1]
	}
	return w.trans
}
