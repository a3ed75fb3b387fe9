import { NativeSelect, PasswordInput, TextInput } from '@mantine/core'
import { useCallback, useState } from 'react'
import { app } from '../../contract/client'
import type { User, UserRole } from '../../contract/records'
import { useAction } from '../../hooks/useAction'
import { ROLE_HINTS, rolesToGive } from '../../model/users'
import { users } from '../../store/stores'
import { Dialog } from '../Dialog/Dialog'
import { DialogForm } from '../Form/Form'

/** An account for somebody else. */
export function NewUserDialog({ me, onClose }: { me: User; onClose: () => void }) {
  const roles = rolesToGive(me)
  const [email, setEmail] = useState('')
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const [role, setRole] = useState<UserRole>(roles[0]!)
  const create = useCallback(async () => {
    const account = { email: email.trim(), password, role, ...(name.trim() && { name: name.trim() }) }
    users().merge(await app.service('users').create(account))
    onClose()
  }, [email, password, role, name, onClose])
  const action = useAction(create)
  return (
    <Dialog onClose={onClose} title="New account">
      <DialogForm action={action} verb="Create" onClose={onClose}>
        <TextInput
          label="Email"
          type="email"
          required
          data-autofocus
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
        />
        <TextInput label="Name" value={name} onChange={(event) => setName(event.currentTarget.value)} />
        <PasswordInput
          label="First password"
          description="At least 8 characters. They can change it."
          autoComplete="new-password"
          required
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        <NativeSelect
          label="Role"
          description={ROLE_HINTS[role]}
          value={role}
          data={roles}
          onChange={(event) => setRole(event.currentTarget.value as UserRole)}
        />
      </DialogForm>
    </Dialog>
  )
}
