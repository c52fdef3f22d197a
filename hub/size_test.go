//go:build !race

package hub

// manyRooms is how many rooms a hub of 1,000 is asked for.
const manyRooms = 1_000_000
