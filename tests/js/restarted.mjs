// The official clients while the daemon goes and comes back: node restarted.mjs <url> <email> <password>.
// Says `listening`, then waits for a board that is made once the daemon is back, and prints one line of JSON.
import { createRequire } from 'node:module'
import { io } from 'socket.io-client'

const require = createRequire(import.meta.url)
const feathers = require('@feathersjs/client')
const [url, email, password] = process.argv.slice(2)

class Storage {
  values = new Map()
  getItem = (key) => this.values.get(key) ?? null
  setItem = (key, value) => this.values.set(key, value)
  removeItem = (key) => this.values.delete(key)
}

function client(door) {
  const app = feathers.feathers()
  if (door === 'rest') {
    app.configure(feathers.rest(url).fetch(fetch))
  } else {
    app.socket = io(url, { transports: door.split(','), forceNew: true, reconnectionDelay: 100, reconnectionDelayMax: 200 })
    app.configure(feathers.socketio(app.socket, { timeout: 60000 }))
  }
  app.configure(feathers.authentication({ storage: new Storage() }))
  return app
}

const doors = ['websocket', 'polling', 'polling,websocket']
const heard = {}
const recovered = {}
await Promise.all(doors.map(async (door) => {
  const app = client(door)
  await app.authenticate({ strategy: 'local', email, password })
  heard[door] = []
  recovered[door] = []
  app.socket.on('connect', () => recovered[door].push(app.socket.recovered))
  app.service('boards').on('created', (board) => heard[door].push(board.name))
}))
const rest = client('rest')
await rest.authenticate({ strategy: 'local', email, password })
await rest.service('boards').create({ name: 'before' })
const end = Date.now() + 120000
async function until(condition) {
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited too long: ${JSON.stringify({ heard, recovered })}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
await until(() => doors.every((door) => heard[door].includes('before')))
console.log('listening')
await until(() => doors.every((door) => heard[door].includes('after')))
console.log(JSON.stringify({ heard, recovered }))
process.exit(0)
