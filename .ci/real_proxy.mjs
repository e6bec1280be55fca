// Connects to an OpenClaw gateway as its own clients do, and prints what came of
// it as a line of JSON.
//
// real_proxy.mjs OPENCLAW_FOLDER, with {url, headers, token, device, stay} on
// standard input; `device` names a file with the device's key, made when it is
// not there; `stay` waits for the connection to end.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const WebSocket = createRequire(`${process.argv[2]}/node_modules/openclaw/package.json`)('ws')
const { url, headers, token, device, stay } = JSON.parse(readFileSync(0, 'utf8'))

function identity(file) {
  if (!existsSync(file)) {
    const { privateKey } = generateKeyPairSync('ed25519')
    writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  }
  const key = createPrivateKey(readFileSync(file))
  const raw = createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-32)
  return { key, publicKey: raw.toString('base64url'), id: createHash('sha256').update(raw).digest('hex') }
}

function connectRequest(nonce) {
  const client = { id: 'cli', version: '1.0.0', platform: 'linux', mode: 'cli' }
  const [role, scopes, signedAt] = ['operator', ['operator.read'], Date.now()]
  const { key, publicKey, id } = identity(device)
  const signed = ['v2', id, client.id, client.mode, role, scopes.join(','), signedAt, token, nonce].join('|')
  const signature = sign(null, Buffer.from(signed), key).toString('base64url')
  const params = { minProtocol: 3, maxProtocol: 4, client, role, scopes, caps: [], auth: { token } }
  params.device = { id, publicKey, signature, signedAt, nonce }
  return { type: 'req', id: randomUUID(), method: 'connect', params }
}

const found = { device: identity(device).id }
function end() {
  console.log(JSON.stringify(found))
  process.exit(0)
}

const socket = new WebSocket(url, { headers })
setTimeout(end, 20_000)
socket.on('upgrade', () => (found.upgraded = true))
socket.on('unexpected-response', (_, answer) => {
  found.status = answer.statusCode
  end()
})
socket.on('error', error => (found.failed = String(error)))
socket.on('close', (code, reason) => {
  found.close = code
  found.reason = String(reason)
  end()
})
socket.on('message', data => {
  const frame = JSON.parse(data)
  if (frame.event === 'connect.challenge') {
    socket.send(JSON.stringify(connectRequest(frame.payload.nonce)))
  } else if (frame.type === 'res' && !found.answer) {
    found.answer = frame
    if (frame.ok && !stay) end()
    // Whoever waits for the connection's end is told that it is open.
    if (frame.ok) console.error('open')
  }
})
