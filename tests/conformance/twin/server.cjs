// The conformance fixture on the official Feathers 5 packages: node server.cjs PING_MS PONG_MS CHANGE_OVER_MS
// Prints its port. `POST /-reset` empties the store, so that ids begin at 1 again.
const { feathers } = require('@feathersjs/feathers')
const { koa, rest, bodyParser, errorHandler } = require('@feathersjs/koa')
const socketio = require('@feathersjs/socketio')
const errors = require('@feathersjs/errors')
const { MemoryService } = require('@feathersjs/memory')
const { AuthenticationService, JWTStrategy, authenticate } = require('@feathersjs/authentication')
const { LocalStrategy } = require('@feathersjs/authentication-local')
const local = require('@feathersjs/authentication-local').hooks
const cors = require('@koa/cors')

const LIMIT = 10 * 1024 * 1024
const app = koa(feathers())
const resets = []

app.use(cors())
app.use(async (ctx, next) => {
  if (ctx.method !== 'POST' || ctx.path !== '/-reset') return next()
  for (const reset of resets) reset()
  ctx.body = {}
})
app.use(errorHandler())
app.use(bodyParser({ jsonLimit: LIMIT, formLimit: LIMIT }))
app.configure(rest())
const [pingInterval, pingTimeout, upgradeTimeout] = process.argv.slice(2).map(Number)
app.configure(socketio({ cors: { origin: '*' }, maxHttpBufferSize: LIMIT, pingInterval, pingTimeout, upgradeTimeout }))

// people: one store and one counter for all that share it.
class Shared {
  constructor() { this.reset() }
  reset() { this.records = {}; this.next = 1 }
}

const sharing = (shared, options) => {
  const service = new MemoryService(options)
  Object.defineProperty(service, 'store', { get: () => shared.records, set: () => {} })
  Object.defineProperty(service, '_uId', { get: () => shared.next, set: (value) => { shared.next = value } })
  return service
}

const store = (path, options = {}) => {
  const shared = new Shared()
  resets.push(() => shared.reset())
  app.use(path, sharing(shared, options))
}

const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?$/
const number = (value) => {
  if (value === '') return null
  return typeof value === 'string' && NUMBER.test(value) && Number.isFinite(Number(value)) ? Number(value) : value
}
const boolean = (value) => ({ true: true, false: false, '': null })[value] ?? (value === '' ? null : value)
const TYPES = { id: number, age: number, created: boolean }

const converted = (value, convert) => {
  if (Array.isArray(value)) return value.map((one) => converted(one, convert))
  if (value === null || typeof value !== 'object') return convert(value)
  return Object.fromEntries(Object.entries(value).map(([operator, operand]) => [
    operator, operand === '' && ['$in', '$nin'].includes(operator) ? operand : converted(operand, convert)
  ]))
}
const typed = (query) => Object.fromEntries(Object.entries(query).map(([key, value]) => {
  if (['$or', '$and'].includes(key) && Array.isArray(value)) {
    return [key, value.map((branch) => (branch && typeof branch === 'object' ? typed(branch) : branch))]
  }
  return [key, TYPES[key] ? converted(value, TYPES[key]) : value]
}))
const coerce = (context) => {
  if (context.params.provider === 'rest') context.params.query = typed(context.params.query || {})
}

const people = new Shared()
resets.push(() => people.reset())
const several = ['create', 'patch', 'remove']
for (const [path, options] of Object.entries({
  people: {},
  'people-multi': { multi: several },
  'people-paged': { paginate: { default: 1, max: 2 } },
  'people-paged3': { paginate: { default: 3 } },
  'people-paged10': { multi: several, paginate: { default: 10, max: 100 } }
})) {
  app.use(path, sharing(people, options))
  app.service(path).hooks({ before: { all: [coerce] } })
}

// echo
const typeName = (value) => (value === null ? 'null' : typeof value)
const seen = (method, params, given) => ({
  method,
  ...('id' in given ? { id: given.id, idType: typeName(given.id) } : {}),
  ...(given.data !== undefined ? { data: given.data } : {}),
  query: params.query,
  provider: params.provider,
  route: params.route
})
class Echo {
  async find(params) { return seen('find', params, {}) }
  async get(id, params) { return seen('get', params, { id }) }
  async create(data, params) { return seen('create', params, { data }) }
  async update(id, data, params) { return seen('update', params, { id, data }) }
  async patch(id, data, params) { return seen('patch', params, { id, data }) }
  async remove(id, params) { return seen('remove', params, { id }) }
  async ping(data, params) { return seen('ping', params, { data }) }
  async announce(data) { this.emit('notice', data); return { announced: true } }
  async internal() { return { leaked: true } }
}
for (const path of ['echo', 'rooms/:roomId/echo']) {
  app.use(path, new Echo(), {
    methods: ['find', 'get', 'create', 'update', 'patch', 'remove', 'ping', 'announce'],
    events: ['notice']
  })
}

// errors
class Teapot extends errors.FeathersError {
  constructor(message, data) { super(message, 'Teapot', 418, 'teapot', data) }
}
app.use('errors', {
  async get(id) {
    if (typeof errors[id] === 'function' && /^[A-Z]/.test(id) && id !== 'FeathersError') {
      throw new errors[id](`failed with ${id}`, { detail: { id }, errors: { field: 'is wrong' } })
    }
    if (id === 'Teapot') throw new Teapot('custom failure', { pot: true })
    if (id === 'Plain') throw new Error('plain failure')
    throw new errors.BadRequest('no such error')
  }
})

// hooked
const modeOf = (data) => (Array.isArray(data) ? data[0] : data)?.mode
const traceOf = (context) => (context.params.trace = context.params.trace || [])
const named = (name) => (context) => { traceOf(context).push(name) }
const around = (name) => async (context, next) => {
  traceOf(context).push(`${name}:in`)
  try {
    await next()
  } catch (error) {
    traceOf(context).push(`${name}:threw`)
    throw error
  }
  traceOf(context).push(`${name}:out`)
}
const showTrace = async (context, next) => {
  await next()
  if (['trace', 'skip'].includes(modeOf(context.data))) {
    const trace = [...traceOf(context), 'app-around:out']
    for (const result of [context.result].flat()) result.trace = trace
  }
}
const hookedAnswer = (data, params) => {
  (params.trace = params.trace || []).push('method')
  const mode = modeOf(data)
  if (mode === 'fail') throw new errors.BadRequest('the method failed')
  if (mode === 'swallow') throw new errors.GeneralError('to be swallowed')
  if (mode === 'replace') throw new errors.GeneralError('to be replaced')
  if (mode === 'null') return null
  const record = (one) => ({ mode: one?.mode, text: one?.text, secret: 'not for clients' })
  return Array.isArray(data) ? data.map(record) : record(data)
}
const shown = ({ secret, ...rest }) => rest
const serviceBefore = (context) => {
  const mode = modeOf(context.data)
  if (mode === 'skip') context.result = { skipped: true }
  if (mode === 'change') for (const one of [context.data].flat()) one.text = 'changed by a before hook'
  if (mode === 'before-fail') throw new errors.Forbidden('refused by a before hook')
}
const serviceAfter = (context) => {
  const mode = modeOf(context.data)
  if (mode === 'dispatch') context.dispatch = Array.isArray(context.result) ? context.result.map(shown) : shown(context.result)
  if (mode === 'silent') context.event = null
  if (mode === 'rename') context.event = 'updated'
  if (mode === 'status') context.http.status = 202
  if (mode === 'header') context.http.headers = { 'X-Conformance': 'yes' }
  if (mode === 'location') context.http.location = '/elsewhere'
  if (mode === 'after-fail') throw new errors.Conflict('refused by an after hook')
}
const serviceError = (context) => {
  const mode = modeOf(context.data)
  if (mode === 'swallow') context.result = { swallowed: context.error.message }
  if (mode === 'replace') context.error = new errors.Unavailable('replaced by an error hook')
}
const appError = (context) => {
  traceOf(context).push('app-error')
  if (modeOf(context.data) === 'fail') {
    context.error.data = { ...context.error.data, trace: [...traceOf(context)] }
  }
}
app.use('hooked', {
  async create(data, params) { return hookedAnswer(data, params) },
  async patch(id, data, params) { return hookedAnswer(data, params) }
})
app.service('hooked').hooks({
  around: { create: [around('service-around')] },
  before: { all: [named('service-before-all'), serviceBefore], create: [named('service-before')] },
  after: { all: [named('service-after-all'), serviceAfter], create: [named('service-after')] },
  error: { all: [named('service-error-all'), serviceError], create: [named('service-error')] }
})
const only = (hook) => (context, next) => (context.path === 'hooked' ? hook(context, next) : next && next())
app.hooks({
  around: { all: [only(around('app-around')), only(showTrace)] },
  before: { all: [only(named('app-before'))] },
  after: { all: [only(named('app-after'))] },
  error: { all: [only(appError)] }
})

// users, authentication, secrets
app.set('authentication', {
  secret: 'conformance-secret',
  entity: 'user',
  service: 'users',
  authStrategies: ['jwt', 'local'],
  jwtOptions: {
    header: { typ: 'access' }, audience: 'https://conformance.example', issuer: 'conformance', algorithm: 'HS256', expiresIn: '1d'
  },
  local: { usernameField: 'email', passwordField: 'password' }
})
const protectedBy = authenticate('jwt')
store('users')
const auth = new AuthenticationService(app)
auth.register('jwt', new JWTStrategy())
auth.register('local', new LocalStrategy())
app.use('authentication', auth)
const guarded = Object.fromEntries(['find', 'get', 'update', 'patch', 'remove'].map((name) => [name, [protectedBy]]))
const hash = local.hashPassword('password')
app.service('users').hooks({
  around: { all: [] },
  before: { ...guarded, create: [hash], update: [protectedBy, hash], patch: [protectedBy, hash] },
  after: { all: [local.protect('password')] }
})
store('secrets')
app.service('secrets').hooks({
  before: {
    all: [protectedBy],
    create: [(context) => { for (const one of [context.data].flat()) one.ownerId = context.params.user.id }]
  }
})

// Its publisher fails.
app.use('unheard', { async create(data) { return data } })
app.service('unheard').publish(() => { throw new Error('nobody knows who hears') })

// What it is asked for, as it is.
app.use('results', { async get(id) { return JSON.parse(decodeURIComponent(id)) } })

// Who hears what.
const everybody = 'everybody'
app.on('connection', (connection) => app.channel(everybody).join(connection))
app.on('logout', (_result, { connection }) => connection && app.channel(everybody).join(connection))
app.publish(() => app.channel(everybody))
const signedIn = () => app.channel(everybody).filter((connection) => Boolean(connection.authentication))
app.service('users').publish(signedIn)
app.service('secrets').publish(signedIn)

app.listen(0, '127.0.0.1').then((server) => console.log(server.address().port))
