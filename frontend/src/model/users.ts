/** Who may do what with accounts; the daemon decides, this only spares what it would refuse. */
import type { User, UserRole } from '../contract/records'

export const ROLE_HINTS: Record<UserRole, string> = {
  owner: 'everything, and who has which role',
  admin: 'everything with sessions and accounts, save those of owners',
  member: 'starts sessions, and changes what is shared',
  viewer: 'reads only',
}

export const isAdmin = (user: Pick<User, 'role'>): boolean => user.role === 'admin' || user.role === 'owner'

/** The roles that a new account can get from this user, the usual one first. */
export function rolesToGive(me: Pick<User, 'role'>): UserRole[] {
  return me.role === 'owner' ? ['member', 'viewer', 'admin'] : ['member', 'viewer']
}

/** Whether this user may remove another's account, or sign it out everywhere. */
export function mayManage(me: Pick<User, 'role'>, other: Pick<User, 'role'>): boolean {
  return me.role === 'owner' || (me.role === 'admin' && other.role !== 'owner')
}
