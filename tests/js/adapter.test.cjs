// The official tests for adapters, through the official clients: URL, DOOR (rest, websocket, polling) and ID_FIELD.
// What they set on the service's options decides which of the server's variants of `people` is called.
const adapterTests = require('@feathersjs/adapter-tests').default
const errors = require('@feathersjs/errors')
const feathers = require('@feathersjs/client')
const io = require('socket.io-client')
const fs = require('node:fs')
const path = require('node:path')

const { URL: url, DOOR: door, ID_FIELD: idField = 'id' } = process.env

// All tests there are, but for what only exists inside one process.
const folder = path.dirname(require.resolve('@feathersjs/adapter-tests'))
const names = ['basic', 'methods', 'syntax']
  .flatMap((file) => [...fs.readFileSync(path.join(folder, `${file}.js`), 'utf8').matchAll(/\btest\('([^']*)'/g)])
  .map((match) => match[1])
  .filter((name) => !name.startsWith('._') && name !== '.events')

const app = feathers.feathers()
let socket
if (door === 'rest') app.configure(feathers.rest(url).fetch(fetch))
else {
  socket = io(url, { transports: [door] })
  app.configure(feathers.socketio(socket, { timeout: 60000 }))
}
after(() => socket?.close())

const PARAMS_AT = { find: 0, get: 1, create: 1, update: 2, patch: 2, remove: 1 }

function variant(method, options, params = {}) {
  const settings = { ...options, ...params.adapter }
  const paginate = 'paginate' in params ? params.paginate : settings.paginate
  if (paginate && paginate.default) return { 1: 'people-paged', 3: 'people-paged3', 10: 'people-paged10' }[paginate.default]
  const several = settings.multi === true || (Array.isArray(settings.multi) && settings.multi.includes(method))
  return several ? 'people-multi' : 'people'
}

const people = { id: idField, options: { multi: false } }
for (const [method, at] of Object.entries(PARAMS_AT)) {
  people[method] = (...args) => {
    const name = variant(method, people.options, args[at])
    if (args[at]) args[at] = { query: args[at].query ?? {} }
    return app.service(name)[method](...args)
  }
}

adapterTests(names)({ service: () => people }, errors, 'people', idField)
