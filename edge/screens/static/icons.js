// One shape per meaning: circle = yes, ticket = ordinary way, triangle = a person must look, octagon = no.
// Shapes differ in outline, so that they are told apart without colour and from afar.

const svg = (inner) => `<svg viewBox="0 0 120 120" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="9"
  stroke-linecap="round" stroke-linejoin="round">${inner}</svg>`;

export const ICONS = {
  GRANT: svg('<circle cx="60" cy="60" r="51"/><path d="M36 62 53 79 86 43" stroke-width="12"/>'),
  STANDARD: svg(`<path d="M12 34h96v17a9 9 0 0 0 0 18v17H12V69a9 9 0 0 0 0-18z"/>
    <path d="M76 36v6m0 10v6m0 10v6m0 8v4" stroke-width="6"/><path d="M28 52h30M28 68h22" stroke-width="8"/>`),
  REFER: svg('<path d="M60 12 112 104H8z"/><circle cx="60" cy="57" r="8" fill="currentColor" stroke="none"/><path d="M41 91a19 19 0 0 1 38 0" stroke-width="10"/>'),
  REFUSE: svg('<path d="M40 9h40l31 31v40l-31 31H40L9 80V40z"/><path d="M41 41 79 79M79 41 41 79" stroke-width="12"/>'),
  OPENING: svg('<path d="M20 104V16h80v88"/><path d="M20 16 62 30v78L20 104z" fill="currentColor" fill-opacity=".18"/><circle cx="52" cy="64" r="5" fill="currentColor" stroke="none"/>'),
  PAY: svg('<circle cx="60" cy="60" r="51"/><path d="M38 34 60 62 82 34M60 62v30M42 64h36M42 78h36" stroke-width="10"/>'),
  undone: svg('<path d="M38 26 14 48l24 22"/><path d="M16 48h56a30 30 0 0 1 0 60H44"/>'),
  notice: svg('<rect x="14" y="14" width="92" height="92" rx="16"/><path d="M60 36v32" stroke-width="12"/><circle cx="60" cy="86" r="7" fill="currentColor" stroke="none"/>'),
  lost: svg('<path d="M22 50a56 56 0 0 1 76 0M38 68a32 32 0 0 1 44 0"/><circle cx="60" cy="90" r="7" fill="currentColor" stroke="none"/><path d="M18 14 102 106" stroke-width="11"/>'),
  not_ready: svg('<path d="M44 20a42 42 0 1 0 32 0" /><path d="M60 10v44" stroke-width="12"/>'),
  connecting: svg('<circle cx="60" cy="60" r="46" stroke-dasharray="180 120"/>'),
};
