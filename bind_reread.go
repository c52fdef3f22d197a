package geist

// maxReread bounds the length of a document times its depth where a type that holds itself
// does so by an Opt or a OneOf. Each of these reads its text anew, so that 4 MiB in 500
// levels would be 2 GiB to read.
const maxReread = 64 << 20

// depthOf returns how deep a text is nested.
func depthOf(data []byte) (most int) {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			end, _ := stringEnd(data, i+1)
			if end < 0 {
				return most
			}
			i = end
		case '{', '[':
			depth++
			most = max(most, depth)
		case '}', ']':
			depth--
		}
	}
	return most
}
