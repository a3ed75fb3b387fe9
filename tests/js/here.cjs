// node --require ./here.cjs …: agor.example is this machine.
const dns = require('node:dns')
const { lookup } = dns
dns.lookup = (name, options, callback) => {
  const answer = callback ?? options
  if (name !== 'agor.example') return lookup(name, options, callback)
  process.nextTick(() => options.all ? answer(null, [{ address: '127.0.0.1', family: 4 }]) : answer(null, '127.0.0.1', 4))
}
