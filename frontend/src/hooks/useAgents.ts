import { type Agent, type Page, read } from '../contract/client'
import { type Reading, useRead } from './useRead'

async function load(): Promise<Agent[]> {
  const answer = await read<Agent[] | Page<Agent>>('agents')
  return Array.isArray(answer) ? answer : answer.data
}

/** The agents the daemon knows, with what each of them is missing. */
export const useAgents = (): Reading<Agent[]> => useRead(load)
