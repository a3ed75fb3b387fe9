// The official Feathers client against the daemon: node daemon.mjs <url> <email> <password> [<transports>].
// Prints one line of JSON with what was seen; pytest judges it.
import { createRequire } from 'node:module'
import { io } from 'socket.io-client'

const require = createRequire(import.meta.url)
const feathers = require('@feathersjs/client')
const [url, email, password, transports = 'websocket'] = process.argv.slice(2)

class Storage {
  values = new Map()
  getItem = (key) => this.values.get(key) ?? null
  setItem = (key, value) => this.values.set(key, value)
  removeItem = (key) => this.values.delete(key)
}

function client() {
  const app = feathers.feathers()
  app.socket = io(url, { transports: transports.split(','), forceNew: true, reconnectionDelay: 400, reconnectionDelayMax: 400 })
  const connection = feathers.socketio(app.socket, { timeout: 60000 })
  app.configure(connection)
  app.use('sessions', connection.service('sessions'), {
    methods: ['find', 'get', 'create', 'update', 'patch', 'remove', 'fork', 'spawn', 'prompt', 'stop']
  })
  app.configure(feathers.authentication({ storage: new Storage() }))
  return app
}

async function until(condition, limit = 60000) {
  const end = Date.now() + limit
  while (!condition()) {
    if (Date.now() > end) throw new Error('waited too long')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const maker = client()
const watcher = client()
const login = await maker.authenticate({ strategy: 'local', email, password })
await watcher.authenticate({ strategy: 'local', email, password })

const heard = []
watcher.service('sessions').on('created', (session) => heard.push(session.session_id))
const recovered = []
watcher.socket.on('connect', () => recovered.push(watcher.socket.recovered))

const parent = await maker.service('sessions').create({ agent: 'scripted', title: 'from JavaScript' })
const fork = await maker.service('sessions').fork({ session_id: parent.session_id })
const nested = await maker.service(`sessions/${parent.session_id}/fork`).create({})
await until(() => heard.length === 3)

// Cut off: what is made meanwhile is heard after coming back, once, in order.
watcher.socket.io.engine.close()
await until(() => !watcher.socket.connected)
const missed = []
for (let i = 0; i < 20; i++) missed.push((await maker.service('sessions').create({ agent: 'scripted' })).session_id)
await until(() => watcher.socket.connected)
const after = await maker.service('sessions').create({ agent: 'scripted' })
await until(() => heard.includes(after.session_id))

const refused = await maker.service('sessions').create({ agent: 'nobody' }).catch((error) => error)
console.log(JSON.stringify({
  user: login.user,
  made: [parent.session_id, fork.session_id, nested.session_id, ...missed, after.session_id],
  parents: [fork.forked_from_session_id, nested.forked_from_session_id],
  heard,
  recovered,
  refused: { class: refused.constructor.name, code: refused.code, errors: Object.keys(refused.errors ?? {}) }
}))
process.exit(0)
