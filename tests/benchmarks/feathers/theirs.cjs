// Feathers 5 on Koa and Socket.IO, with the services of ours.py: node theirs.cjs PORT [plain]
// `plain` is Socket.IO without Feathers, for fan-out only.
const http = require('node:http')
const { feathers } = require('@feathersjs/feathers')
const { koa, rest, bodyParser, errorHandler } = require('@feathersjs/koa')
const socketio = require('@feathersjs/socketio')
const { memory } = require('@feathersjs/memory')
const { Server } = require('socket.io')

const [port, mode] = process.argv.slice(2)

if (mode === 'plain') {
  const server = http.createServer()
  const io = new Server(server, { perMessageDeflate: false })
  io.on('connection', (socket) => {
    socket.on('create', (path, data, query, ack) => {
      io.emit('news created', data)
      if (ack) ack(null, data)
    })
  })
  server.listen(Number(port), '127.0.0.1')
} else {
  const app = koa(feathers())
  app.use(errorHandler())
  app.use(bodyParser())
  app.configure(rest())
  app.configure(socketio({ perMessageDeflate: false }))
  const hook = async (context, next) => {
    context.params.seen = true
    await next()
  }
  for (const path of ['people', 'notes']) {
    app.use(path, memory({ paginate: { default: 25, max: 100 } }))
    app.service(path).hooks({ around: { all: [hook] } })
  }
  app.use('news', { async create(data) { return data } })
  app.on('connection', (connection) => app.channel('all').join(connection))
  app.service('news').publish(() => app.channel('all'))
  app.listen(Number(port), '127.0.0.1')
}
