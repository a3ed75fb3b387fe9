import { readdirSync, readFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const SOURCES = import.meta.dirname
const STYLES = join(SOURCES, '../node_modules/@mantine/core/styles')

describe('the styles', () => {
  it('hold those of every Mantine component that is imported somewhere', () => {
    const used = new Set<string>()
    for (const file of readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.tsx')) continue
      const source = readFileSync(join(SOURCES, file), 'utf8')
      for (const [, names] of source.matchAll(/import \{([^}]+)\} from '@mantine\/core'/g))
        for (const name of names!.split(',')) used.add(name.trim())
    }
    const withStyles = [...used].filter((name) => existsSync(join(STYLES, `${name}.css`)))
    const imported = readFileSync(join(SOURCES, 'mantineStyles.ts'), 'utf8')
    expect(withStyles.length).toBeGreaterThan(10)
    expect(withStyles.filter((name) => !imported.includes(`/${name}.css'`))).toEqual([])
  })
})
