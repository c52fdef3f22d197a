//go:build race

package hub

// manyRooms is a tenth of what the other builds try: each costs twenty times as much.
const manyRooms = 100_000
