/** Line icons, drawn here so that nothing is fetched for them. */

const PATHS = {
  add: 'M12 5v14M5 12h14',
  close: 'M6 6l12 12M18 6L6 18',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  stop: 'M7 7h10v10H7z',
  send: 'M4 12l16-8-6 16-3-7z',
  fork: 'M7 21V3M7 14c0-5 10-2 10-9M14 7l3-3 3 3',
  spawn: 'M12 3v8M12 11H6v6M12 11h6v6M3.5 17h5v4h-5zM15.5 17h5v4h-5z',
  branch:
    'M6 8v8M6 8a2 2 0 100-4 2 2 0 000 4zm0 12a2 2 0 100-4 2 2 0 000 4zM18 8a2 2 0 100-4 2 2 0 000 4zm0 0c0 5-6 4-12 8',
  message: 'M4 5h16v11H9l-5 4z',
  clock: 'M12 21a9 9 0 100-18 9 9 0 000 18zM12 7v5l3 2',
  folder: 'M3 6h7l2 2h9v11H3z',
  hand: 'M12 3l10 18H2zM12 10v5M12 18h.01',
  inbox: 'M4 13l3-9h10l3 9v7H4zM4 13h5a3 3 0 006 0h5',
  search: 'M10.500 17a6.500 6.500 0 100-13 6.500 6.500 0 000 13zM15.500 15.500L21 21',
  up: 'M12 19V5M6 11l6-6 6 6',
  check: 'M5 13l5 5 9-11',
  refresh: 'M20 11a8 8 0 10-2 6M20 4v7h-7',
  users: 'M9 11a4 4 0 100-8 4 4 0 000 8zM2 20c0-4 3-6 7-6s7 2 7 6M16 3a4 4 0 010 8M18 14c3 1 4 3 4 6',
  sun: 'M12 16a4 4 0 100-8 4 4 0 000 8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 17.5L19 19M5 19l1.5-1.5M17.5 6.5L19 5',
  moon: 'M20 14A8 8 0 1110 4a6.500 6.500 0 0010 10z',
  down: 'M12 5v14M6 13l6 6 6-6',
  chevron: 'M9 6l6 6-6 6',
  import: 'M12 3v11M7 10l5 5 5-5M4 20h16',
  board: 'M3 4h7v9H3zM14 4h7v5h-7zM14 13h7v7h-7zM3 17h7v3H3z',
  user: 'M12 12a4 4 0 100-8 4 4 0 000 8zM4 21c0-5 4-7 8-7s8 2 8 7',
  trash: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13',
  pencil: 'M4 20l1-5L16 4l4 4L9 19z',
  expand: 'M4 10V4h6M20 14v6h-6M4 4l7 7M20 20l-7-7',
  tool: 'M14 6a4 4 0 005 5l-8 8a2 2 0 01-3-3l8-8a4 4 0 00-2-2z',
} as const

export type IconName = keyof typeof PATHS

/** Decoration: what it stands for is said beside it, or in the label of its button. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth={name === 'more' ? 3 : 1.8}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  )
}
