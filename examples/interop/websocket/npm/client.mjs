// Scenarios for ws, the client of Node.js, against the server whose URL is the first
// argument. Each writes a line of JSON: its name, and what went wrong.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { randomBytes } from 'node:crypto'
import WebSocket from 'ws'

const url = process.argv[2]
const patience = 20_000
const limit = 1 << 20

async function open (path, options = {}) {
  const ws = new WebSocket(url + path, ['other', 'echo'], { handshakeTimeout: patience, ...options })
  await once(ws, 'open')
  return ws
}

async function receive (ws) {
  const [data, binary] = await once(ws, 'message')
  return { data, binary }
}

async function end (ws, code, reason) {
  if (code) ws.close(code, reason)
  const [got, text] = await once(ws, 'close')
  return { code: got, reason: text.toString() }
}

async function echo (options) {
  const ws = await open('/echo', options)
  assert.equal(ws.protocol, 'echo')
  assert.equal(ws.extensions !== '', options.perMessageDeflate !== false, `extensions: "${ws.extensions}"`)
  for (const size of [0, 1, 125, 126, 4096, 65535, 65536, 300_000, limit]) {
    const noise = randomBytes(Math.min(size, limit - 1000)) // which deflate makes longer, and the limit is for that, too
    for (const data of [noise, Buffer.alloc(size, 'geist ')]) {
      ws.send(data)
      const got = await receive(ws)
      assert.ok(got.binary && got.data.equals(data), `${size} bytes: got ${got.data.length}, binary ${got.binary}`)
    }
    const text = 'ä€😀 '.repeat(size / 10)
    ws.send(text)
    const got = await receive(ws)
    assert.ok(!got.binary && got.data.toString() === text, `a text of ${text.length}: got ${got.data.length} bytes`)
  }
  assert.deepEqual(await end(ws, 1000, 'bye'), { code: 1000, reason: '' })
}

const scenarios = {
  'echo, plain': () => echo({ perMessageDeflate: false }),
  'echo, compressed': () => echo({ perMessageDeflate: { threshold: 0 } }),
  'echo, compressed without context': () => echo({ perMessageDeflate: { threshold: 0, clientNoContextTakeover: true, serverNoContextTakeover: true } }),
  async fragments () {
    const ws = await open('/echo')
    for (const part of ['one ', 'two ', 'three']) ws.send(part, { fin: part === 'three' })
    assert.equal((await receive(ws)).data.toString(), 'one two three')
    await end(ws, 1000)
  },
  async ping () {
    const ws = await open('/echo')
    ws.ping('are you there')
    const [pong] = await once(ws, 'pong')
    assert.equal(pong.toString(), 'are you there')
    await once(ws, 'ping') // the server's own, every 200 ms; ws answers
    await once(ws, 'ping')
    ws.send('still here')
    assert.equal((await receive(ws)).data.toString(), 'still here')
    await end(ws, 1000)
  },
  async 'codes of the client' () {
    for (const code of [1000, 1001, 1008, 3000, 4999]) {
      const ws = await open('/echo')
      assert.equal((await end(ws, code, 'ä reason')).code, code)
    }
  },
  async 'codes of the server' () {
    for (const code of [1000, 1001, 1008, 1011, 1013, 3000, 4999]) {
      const ws = await open('/close/' + code)
      assert.deepEqual(await end(ws), { code, reason: 'because' })
    }
  },
  async 'too big' () {
    const ws = await open('/echo', { perMessageDeflate: false })
    ws.on('error', () => {}) // the server has seen enough, and may not take the rest
    ws.send(Buffer.alloc(limit + 1))
    assert.equal((await end(ws)).code, 1009)
  },
  async refused () {
    const ws = new WebSocket(url + '/refused')
    const [, response] = await once(ws, 'unexpected-response')
    assert.equal(response.statusCode, 403)
    response.resume()
    ws.on('error', () => {})
    ws.terminate()
  },
  async terminated () {
    const ws = await open('/echo')
    ws.send('and away')
    ws.terminate()
    assert.equal((await end(ws)).code, 1006)
  }
}

for (const [Name, scenario] of Object.entries(scenarios)) {
  let Error = '' // of nothing
  let timer
  const late = new Promise((resolve, reject) => { timer = setTimeout(() => reject('nothing happens'), patience) })
  try {
    await Promise.race([scenario(), late])
  } catch (err) {
    Error = String(err?.stack ?? err)
  }
  clearTimeout(timer)
  console.log(JSON.stringify({ Name, Error }))
}
process.exit(0)
