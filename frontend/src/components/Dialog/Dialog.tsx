import { Modal, type ModalProps } from '@mantine/core'
import { useReturnedFocus } from '../../hooks/useReturnedFocus'

/** What is asked or shown over the page, for as long as it is there; then the focus is back where it was. */
export function Dialog(props: Omit<ModalProps, 'opened'>) {
  useReturnedFocus()
  return <Modal opened {...props} />
}
