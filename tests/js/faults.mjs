// Official clients behind a proxy that harms them: node faults.mjs <url> <token> <token>…, one client a token.
// Says `ready` once all are signed in, then how far the last of them is; a line on stdin, a seq, is where to stop.
// Prints one line of JSON with what each has heard, by offset; pytest judges it.
import { createInterface } from 'node:readline'
import { io } from 'socket.io-client'

const [url, ...tokens] = process.argv.slice(2)
const STEP = 200

// Nobody is told how far they are before all are signed in.
let clients = []
clients = await Promise.all(tokens.map(async (accessToken, number) => {
  // Every fifth begins by polling, as the client does by itself.
  const transports = number % 5 === 0 ? ['polling', 'websocket'] : ['websocket']
  const socket = io(url, { transports, forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 250 })
  const client = { socket, seqs: [], names: {}, last: 0, recovered: [] }
  socket.onAny((name, payload, offset) => {
    const seq = Number(offset.split('.')[1])
    client.seqs.push(seq)
    client.names[name] = (client.names[name] ?? 0) + 1
    client.last = Math.max(client.last, seq)
    tell()
  })
  await new Promise((resolve) => socket.once('connect', resolve))
  const [error] = await socket.emitWithAck('create', 'authentication', { strategy: 'jwt', accessToken }, {}).then((result) => Array.isArray(result) ? result : [null, result], (error) => [error])
  if (error) throw new Error(JSON.stringify(error))
  socket.on('connect', () => client.recovered.push(socket.recovered))
  return client
}))

let told = 0
let target = Infinity
function tell() {
  if (!clients.length) return
  const least = Math.min(...clients.map((client) => client.last))
  if (least >= target) finish()
  else if (least >= told + STEP) process.stdout.write(`${(told = least)}\n`)
}

function finish() {
  target = Infinity
  const seen = clients.map(({ seqs, names, recovered }) => ({ seqs, names, recovered }))
  process.stdout.write(JSON.stringify(seen) + '\n', () => process.exit(0))
}

createInterface({ input: process.stdin }).on('line', (line) => {
  target = Number(line)
  tell()
})
process.stdout.write('ready\n')
