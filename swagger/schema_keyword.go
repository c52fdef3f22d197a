package swagger

import (
	"encoding/json"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// keyword translates one rule for a value of type t, or returns nil if no keyword says it.
func (c *ruleCompiler) keyword(t reflect.Type, name, param string) *object {
	switch name {
	case "min", "gte", "max", "lte", "gt", "lt", "len", "eq", "ne":
		return c.bound(t, name, param)
	case "oneof":
		return c.oneof(t, param)
	case "unique":
		if (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) && param == "" {
			return obj("uniqueItems", true)
		}
	}
	if t.Kind() != reflect.String {
		return nil
	}
	if format := ruleFormats[name]; format != "" {
		return obj("format", format)
	}
	if pattern := rulePatterns[name]; pattern != "" {
		return obj("pattern", pattern)
	}
	switch name {
	case "uri": // of the rules, which may be relative
		return obj("format", "uri-reference", "minLength", 1)
	case "ip":
		return obj("anyOf", []any{obj("format", "ipv4"), obj("format", "ipv6")})
	case "datetime":
		switch param {
		case time.DateOnly:
			return obj("format", "date")
		case time.RFC3339, time.RFC3339Nano:
			return obj("format", "date-time")
		}
	case "json":
		return obj("contentMediaType", "application/json")
	case "startswith":
		return obj("pattern", "^"+regexp.QuoteMeta(param))
	case "endswith":
		return obj("pattern", regexp.QuoteMeta(param)+"$")
	case "contains":
		return obj("pattern", regexp.QuoteMeta(param))
	}
	return nil
}

// ruleFormats are rules that a format of JSON Schema says.
var ruleFormats = map[string]string{
	"email": "email", "ipv4": "ipv4", "ip4_addr": "ipv4", "ipv6": "ipv6", "ip6_addr": "ipv6",
	"uuid": "uuid", "uuid3": "uuid", "uuid4": "uuid", "uuid5": "uuid", "uuid_rfc4122": "uuid",
	"uuid3_rfc4122": "uuid", "uuid4_rfc4122": "uuid", "uuid5_rfc4122": "uuid",
	"hostname": "hostname", "hostname_rfc1123": "hostname", "url": "uri", "http_url": "uri",
}

// rulePatterns are rules that an expression says, in the syntax that ECMA-262 and RE2 share.
var rulePatterns = map[string]string{
	"alpha":       `^[a-zA-Z]+$`,
	"alphanum":    `^[a-zA-Z0-9]+$`,
	"number":      `^[0-9]+$`,
	"numeric":     `^[-+]?[0-9]+(\.[0-9]+)?$`,
	"hexadecimal": `^(0[xX])?[0-9a-fA-F]+$`,
	"hexcolor":    `^#([0-9a-fA-F]{3}|[0-9a-fA-F]{4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})$`,
	"e164":        `^\+[1-9]?[0-9]{7,14}$`,
	"ascii":       `^[\x00-\x7F]*$`,
	"printascii":  `^[\x20-\x7E]*$`,
	"ulid":        `^[A-HJKMNP-TV-Za-hjkmnp-tv-z0-9]{26}$`,
	"base64":      `^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$`,
}

// sizeKeywords are the keywords of the size of a kind: at least and at most.
func sizeKeywords(k reflect.Kind) (least, most string) {
	switch k {
	case reflect.String:
		return "minLength", "maxLength"
	case reflect.Slice, reflect.Array:
		return "minItems", "maxItems"
	case reflect.Map:
		return "minProperties", "maxProperties"
	}
	return "", ""
}

// bound translates the rules that compare: of numbers the value, of others the size.
func (c *ruleCompiler) bound(t reflect.Type, name, param string) *object {
	kind := t.Kind()
	if kind == reflect.String || kind == reflect.Bool {
		switch {
		case name == "eq" && kind == reflect.String:
			return obj("const", param)
		case name == "ne" && kind == reflect.String:
			return obj("not", obj("const", param))
		case name == "eq" && kind == reflect.Bool:
			return obj("const", param == "true")
		case kind == reflect.Bool:
			return nil
		}
	}
	if least, most := sizeKeywords(kind); least != "" {
		n, err := strconv.ParseInt(param, 0, 64)
		if err != nil {
			c.problem("%s: the rule %s needs a whole number", c.place, name)
			return nil
		}
		return sizeBound(least, most, name, n)
	}
	if !isNumber(kind) {
		return nil
	}
	if t == typeDuration {
		if d, err := time.ParseDuration(param); err == nil {
			param = strconv.FormatInt(int64(d), 10)
		}
	}
	if !json.Valid([]byte(param)) || math.IsNaN(number(json.Number(param))) {
		c.problem("%s: the rule %s needs a number", c.place, name)
		return nil
	}
	return valueBound(name, json.Number(param))
}

func sizeBound(least, most, name string, n int64) *object {
	switch name {
	case "min", "gte":
		return obj(least, n)
	case "max", "lte":
		return obj(most, n)
	case "gt":
		return obj(least, n+1)
	case "lt":
		return obj(most, n-1)
	case "len", "eq":
		return obj(least, n, most, n)
	}
	return obj("not", obj(least, n, most, n))
}

func valueBound(name string, n json.Number) *object {
	switch name {
	case "min", "gte":
		return obj("minimum", n)
	case "max", "lte":
		return obj("maximum", n)
	case "gt":
		return obj("exclusiveMinimum", n)
	case "lt":
		return obj("exclusiveMaximum", n)
	case "ne":
		return obj("not", obj("const", n))
	}
	return obj("const", n)
}

// oneOfWord finds the values of a oneof rule: words, or text in single quotes.
var oneOfWord = regexp.MustCompile(`'[^']*'|\S+`)

// oneof translates a list of values.
func (c *ruleCompiler) oneof(t reflect.Type, param string) *object {
	var values []any
	for _, word := range oneOfWord.FindAllString(param, -1) {
		word = strings.ReplaceAll(word, "'", "")
		switch kind := t.Kind(); {
		case kind == reflect.String:
			values = append(values, word)
		case isNumber(kind) && json.Valid([]byte(word)):
			values = append(values, json.Number(word))
		default:
			return nil
		}
	}
	if len(values) == 0 {
		c.problem("%s: the rule oneof names no values", c.place)
		return nil
	}
	return obj("enum", values)
}

// zeroPasses reports whether the zero value passes keywords that rules have made.
func (r *ruleSet) zeroPasses(keywords *object) bool {
	for i, name := range keywords.names {
		if !r.zeroPassesOne(name, keywords.values[i]) {
			return false
		}
	}
	return true
}

// zeroPassesOne is zeroPasses for one keyword. Long on purpose: a case a keyword.
func (r *ruleSet) zeroPassesOne(name string, value any) bool {
	switch name {
	case "minLength", "minItems", "minProperties", "minimum":
		return number(value) <= 0
	case "maxLength", "maxItems", "maxProperties", "maximum":
		return number(value) >= 0
	case "exclusiveMinimum":
		return number(value) < 0
	case "exclusiveMaximum":
		return number(value) > 0
	case "const":
		return r.isZero(value)
	case "enum":
		values, _ := value.([]any)
		for _, v := range values {
			if r.isZero(v) {
				return true
			}
		}
		return false
	case "pattern":
		text, _ := value.(string)
		re, err := regexp.Compile(text)
		return err != nil || re.MatchString("")
	case "format", "contentMediaType":
		return false
	case "not":
		o, _ := value.(*object)
		return o != nil && !r.zeroPasses(o)
	case "anyOf", "allOf":
		values, _ := value.([]any)
		passed := 0
		for _, v := range values {
			if o, ok := v.(*object); ok && r.zeroPasses(o) {
				passed++
			}
		}
		return passed == len(values) || passed > 0 && name == "anyOf"
	}
	return true
}

func (r *ruleSet) isZero(v any) bool {
	switch v := v.(type) {
	case string:
		return v == ""
	case bool:
		return !v
	}
	return number(v) == 0
}

// number returns a number of a document, or NaN.
func number(v any) float64 {
	switch v := v.(type) {
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case json.Number:
		if f, err := v.Float64(); err == nil {
			return f
		}
	}
	return math.NaN()
}
