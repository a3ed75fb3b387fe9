// What the official clients do, one scenario a run: node scenarios.mjs <scenario> <url> <door>.
// Prints one line of JSON with what was seen; pytest judges it.
import { createRequire } from 'node:module'
import { io } from 'socket.io-client'

const require = createRequire(import.meta.url)
const feathers = require('@feathersjs/client')

const [scenario, url, door] = process.argv.slice(2)

class Storage {
  values = new Map()
  getItem = (key) => this.values.get(key) ?? null
  setItem = (key, value) => this.values.set(key, value)
  removeItem = (key) => this.values.delete(key)
}

function client(options = {}) {
  const app = feathers.feathers()
  if (door === 'rest') {
    app.configure(feathers.rest(url).fetch(fetch))
  } else {
    app.socket = io(url, { transports: door === 'upgrade' ? ['polling', 'websocket'] : [door], forceNew: true, ...options })
    app.configure(feathers.socketio(app.socket, { timeout: 60000 }))
  }
  app.configure(feathers.authentication({ storage: new Storage() }))
  return app
}

const shown = (error) => ({ class: error.constructor.name, name: error.name, code: error.code, className: error.className, message: error.message, data: error.data })
const caught = (promise) => promise.then(() => null, shown)
const once = (emitter, event) => new Promise((resolve) => emitter.once(event, (...args) => resolve(args)))
async function until(condition, limit = 60000) {
  const end = Date.now() + limit
  while (!condition()) {
    if (Date.now() > end) throw new Error('waited too long')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const scenarios = {
  async calls() {
    const people = client().service('people')
    const made = await people.create({ name: 'Ann', age: 33 })
    const same = await people.get(made.id)
    const found = await people.find({ query: { age: { $in: Array.from({ length: 30 }, (_, i) => i + 10) }, name: 'Ann' } })
    const none = await people.find({ query: { name: { $ne: 'Ann' } } })
    const patched = await people.patch(made.id, { age: 34 })
    const updated = await people.update(made.id, { name: 'Bea' })
    const removed = await people.remove(made.id)
    const missing = await caught(people.get(made.id))
    const refused = await caught(people.find({ query: { $where: 1 } }))
    return { made, same, found, none, patched, updated, removed, missing, refused }
  },

  async custom() {
    const app = client()
    const methods = ['find', 'get', 'create', 'update', 'patch', 'remove', 'ping', 'announce']
    if (door === 'rest') app.use('echo', app.rest ? feathers.rest(url).fetch(fetch).service('echo') : null, { methods })
    else app.use('echo', feathers.socketio(app.socket).service('echo'), { methods })
    return { pong: await app.service('echo').ping({ text: 'hello' }) }
  },

  // A method of one record, asked for in every way there is.
  async addressing() {
    const app = client()
    const connection = door === 'rest' ? feathers.rest(url).fetch(fetch) : feathers.socketio(app.socket)
    app.use('sessions', connection.service('sessions'), { methods: ['get', 'create', 'fork', 'tidy'] })
    const post = (path, headers, data) => fetch(url + path, {
      method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(data)
    }).then((response) => response.json())
    return {
      byName: await app.service('sessions').fork({ session_id: '7', text: 'hello' }),
      byPath: await app.service('sessions/7/fork').create({ text: 'hello' }),
      byAddress: await post('/sessions/7/fork', {}, { text: 'hello' }),
      byHeader: await post('/sessions', { 'X-Service-Method': 'fork' }, { session_id: '7', text: 'hello' }),
      ofAll: [
        await app.service('sessions').tidy({ text: 'hello' }),
        await app.service('sessions/tidy').create({ text: 'hello' }),
        await post('/sessions/tidy', {}, { text: 'hello' }),
        await post('/sessions', { 'X-Service-Method': 'tidy' }, { text: 'hello' })
      ],
      withoutId: await caught(app.service('sessions').fork({ text: 'hello' }))
    }
  },

  async signIn() {
    const app = client()
    await app.service('users').create({ email: 'ann@example.com', password: 'secret' })
    const before = await caught(app.service('secrets').find())
    const wrong = await caught(app.authenticate({ strategy: 'local', email: 'ann@example.com', password: 'wrong' }))
    const login = await app.authenticate({ strategy: 'local', email: 'ann@example.com', password: 'secret' })
    const secret = await app.service('secrets').create({ text: 'mine' })
    const again = await app.reAuthenticate(true)
    await app.logout()
    const after = await caught(app.service('secrets').find())
    return { before, wrong, user: login.user, secret, again: again.user, after }
  },

  async events() {
    const listener = client()
    const heard = []
    for (const event of ['created', 'updated', 'patched', 'removed']) {
      listener.service('people').on(event, (...args) => heard.push([event, ...args]))
    }
    listener.service('echo').on('notice', (...args) => heard.push(['notice', ...args]))
    await once(listener.socket, 'connect')
    const people = client().service('people')
    const made = await people.create({ name: 'Ann' })
    await people.update(made.id, { name: 'Bea' })
    await people.patch(made.id, { age: 1 })
    await people.remove(made.id)
    await until(() => heard.length >= 4)
    return { id: made.id, heard }
  },

  // Cut off while others go on; the client comes back by itself and has missed nothing.
  async recovery() {
    const app = client({ reconnectionDelay: 20, reconnectionDelayMax: 50 })
    const heard = []
    app.service('people').on('created', (person) => heard.push(person.n))
    await once(app.socket, 'connect')
    const first = app.socket.recovered
    const writer = client()
    const create = (n) => writer.service('people').create({ n })
    const rounds = []
    let n = 0
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 10; i++) await create(n++)
      const gone = once(app.socket, 'disconnect')
      app.socket.io.engine.close()
      await gone
      const back = once(app.socket, 'connect')
      for (let i = 0; i < 10; i++) await create(n++)
      await back
      rounds.push(app.socket.recovered)
    }
    await until(() => heard.length >= n)
    return { first, rounds, heard, expected: n }
  },

  // Waits for lines on stdin to go on: pytest kills and restarts the server in between.
  async restart() {
    const app = client({ reconnectionDelay: 20, reconnectionDelayMax: 100 })
    const heard = []
    app.service('people').on('created', (person) => heard.push(person.n))
    await once(app.socket, 'connect')
    process.stdout.write('ready\n')
    const lines = require('node:readline').createInterface({ input: process.stdin })
    const [count] = await once(lines, 'line')
    lines.close()
    await until(() => heard.length >= Number(count))
    return { recovered: app.socket.recovered, heard }
  },

  // An expired token must not leave the client out in the cold.
  async expiry() {
    process.on('unhandledRejection', () => {})
    const app = client({ reconnectionDelay: 20 })
    await app.service('users').create({ email: 'brief@example.com', password: 'secret' })
    await app.authenticate({ strategy: 'local', email: 'brief@example.com', password: 'secret' })
    const [reason] = await once(app.socket, 'disconnect')
    if (!app.socket.connected) await once(app.socket, 'connect')
    // The client tries its token once more by itself, is told that it has expired, and throws it away.
    const refused = await caught(app.service('people').find())
    return { reason, refused, people: await app.service('people').find() }
  }
}

const result = await scenarios[scenario]()
process.stdout.write(JSON.stringify(result) + '\n', () => process.exit(0))
