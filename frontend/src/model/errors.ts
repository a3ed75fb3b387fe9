/** Refusals of the daemon as a sentence. */
import type { ServiceError } from '../contract/client'

/** What went wrong, with the fields a validation named. */
export function errorText(error: unknown): string {
  const { message, data } = (error ?? {}) as ServiceError
  const fields = (data?.['errors'] ?? null) as Record<string, string[] | string> | null
  const details =
    fields && typeof fields === 'object'
      ? Object.entries(fields).map(([field, texts]) => `${field}: ${[texts].flat().join(', ')}`)
      : []
  const text = message || 'Something went wrong.'
  return details.length > 0 ? `${text} (${details.join('; ')})` : text
}

/** Whether the call failed because the connection dropped, so that it is worth another try by itself. */
export function isConnectionLoss(error: unknown): boolean {
  const { code, message = '' } = (error ?? {}) as ServiceError
  return code === undefined || (code === 500 && /socket has been disconnected|operation has timed out/.test(message))
}

export const isNotSignedIn = (error: unknown): boolean => (error as ServiceError | null)?.code === 401
export const isNotFound = (error: unknown): boolean => (error as ServiceError | null)?.code === 404
export const isConflict = (error: unknown): boolean => (error as ServiceError | null)?.code === 409
