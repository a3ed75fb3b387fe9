import { useEffect, useState } from 'react'
import { app } from '../contract/client'
import type { CloneProgress } from '../model/repoSource'

/** How far the clone of a repository has come; null before the first word of it. */
export function useCloneProgress(repoId: string): CloneProgress | null {
  const [progress, setProgress] = useState<CloneProgress | null>(null)
  useEffect(() => {
    const service = app.service('repos')
    const onProgress = (told: CloneProgress): void => {
      if (told.repo_id === repoId) setProgress(told)
    }
    service.on('clone:progress', onProgress)
    return () => void service.off('clone:progress', onProgress)
  }, [repoId])
  return progress
}
