import { expect, it } from 'vitest'
import { isAdmin, mayManage, rolesToGive } from './users'

it('only owners make admins, and touch owners', () => {
  const [owner, admin, member] = [{ role: 'owner' }, { role: 'admin' }, { role: 'member' }] as const
  expect(rolesToGive(owner)).toContain('admin')
  expect(rolesToGive(admin)).toEqual(['member', 'viewer'])
  expect([mayManage(owner, owner), mayManage(admin, owner), mayManage(admin, admin)]).toEqual([true, false, true])
  expect([mayManage(member, member), isAdmin(member), isAdmin(admin)]).toEqual([false, false, true])
})
