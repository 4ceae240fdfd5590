/** The `Content-Security-Policy` source of a text that stands in a page. */
const sha256 = (text: string): string =>
  `'sha256-${new Bun.CryptoHasher('sha256').update(text).digest('base64')}'`;

/**
 * The one look of all pages, with the colours of the gateway's start page. Text has a contrast of at least 4.5:1 and borders
 * of controls at least 3:1 in both schemes (WCAG 2.2, 1.4.3 and 1.4.11); targets are 44 px high. Without `"`, `&` and `<`, which
 * would be escaped, and the hash not be that of the page.
 */
export const STYLE = `
:root{color-scheme:light dark;--ground:#f6f5f2;--surface:#fff;--ink:#1d2026;--quiet:#59606c;--line:#dddad3;--edge:#858b95;
--accent:#1f5f4f;--accent-strong:#174a3d;--on-accent:#fff;--danger:#a8261c;--danger-strong:#861c14;--on-danger:#fff;
--danger-soft:#fdf1ef;--accent-soft:#eef5f2;--shadow:0 1px 2px rgb(29 32 38/.06),0 12px 32px -12px rgb(29 32 38/.14)}
@media(prefers-color-scheme:dark){:root{--ground:#14171b;--surface:#1d2127;--ink:#eceae5;--quiet:#a6adb8;--line:#343a43;
--edge:#7c8492;--accent:#7fd0b5;--accent-strong:#9adfc8;--on-accent:#10231d;--danger:#ff9186;--danger-strong:#ffaea6;
--on-danger:#34100c;--danger-soft:#33201f;--accent-soft:#1d2f2a;--shadow:0 1px 2px rgb(0 0 0/.3)}}
*,::before,::after{box-sizing:border-box}
[hidden]{display:none!important}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{display:flex;flex-direction:column;min-height:100vh;min-height:100dvh;margin:0;background:var(--ground);color:var(--ink);
font:1rem/1.5 system-ui,sans-serif}
a{color:var(--accent);text-underline-offset:.2em}
a:hover{color:var(--accent-strong)}
header,main,footer{width:100%;max-width:28rem;margin:0 auto;padding:0 1.25rem}
.wide header,.wide main,.wide footer{max-width:44rem}
header{display:flex;align-items:center;justify-content:space-between;gap:1rem;padding-top:clamp(1rem,5vh,3.5rem)}
.brand{display:inline-flex;align-items:center;gap:.65rem;min-height:2.75rem;color:var(--ink);font-size:1.15rem;font-weight:650;
letter-spacing:-.01em;text-decoration:none}
.brand:hover{color:var(--ink)}
.mark{flex:none;width:1.6rem;height:1.6rem;border-radius:50% 50% 50% 12%;background:var(--accent)}
.who{display:flex;align-items:center;gap:.9rem;min-width:0;color:var(--quiet);font-size:.95rem}
.who b{overflow:hidden;color:var(--ink);font-weight:600;text-overflow:ellipsis;white-space:nowrap}
main{flex:1 0 auto;padding-top:1rem;padding-bottom:1.5rem}
.card{padding:1.75rem;border:1px solid var(--line);border-radius:1rem;background:var(--surface);box-shadow:var(--shadow)}
.card+.card{margin-top:1rem}
h1{margin:0;font-size:1.6rem;font-weight:680;line-height:1.2;letter-spacing:-.02em;overflow-wrap:anywhere;text-wrap:balance}
h2{margin:0;font-size:1.15rem;font-weight:650;line-height:1.3;letter-spacing:-.01em}
h3{margin:0;font-size:1rem;font-weight:600;overflow-wrap:anywhere}
p{margin:.6rem 0 0;text-wrap:pretty}
.lead,.quiet,.hint{color:var(--quiet)}
.quiet,.hint{font-size:.925rem}
form{margin:1.35rem 0 0}
form.inline{margin:0}
.field{margin-top:1.1rem}
.field:first-of-type{margin-top:0}
label{display:block;font-weight:600}
.hint{margin:.1rem 0 0}
input:not([type=checkbox],[type=radio],[type=hidden]),textarea,select{display:block;width:100%;min-height:2.75rem;margin-top:.35rem;
padding:.55rem .8rem;border:1px solid var(--edge);border-radius:.6rem;background:var(--surface);color:var(--ink);font:inherit}
input.code{font-family:ui-monospace,monospace;font-size:1.25rem;letter-spacing:.15em}
.choice{display:flex;gap:.75rem;min-height:2.75rem;padding:.6rem 0;align-items:flex-start;font-weight:400}
.choice input{flex:none;width:1.25rem;height:1.25rem;margin:.13rem 0 0;accent-color:var(--accent)}
[aria-invalid=true]:not(form){border-color:var(--danger)!important;box-shadow:0 0 0 1px var(--danger)}
.error{display:flex;gap:.45rem;margin:.4rem 0 0;color:var(--danger);font-size:.925rem;font-weight:500}
.error::before{content:'!';flex:none;width:1.2em;height:1.2em;margin-top:.15em;border-radius:50%;background:var(--danger);
color:var(--on-danger);font-size:.85em;font-weight:700;line-height:1.2em;text-align:center}
.notice{margin:1.1rem 0 0;padding:.8rem 1rem;border:1px solid var(--line);border-left:.25rem solid var(--accent);border-radius:.6rem;
background:var(--accent-soft);overflow-wrap:anywhere}
.notice.bad{border-left-color:var(--danger);background:var(--danger-soft)}
.notice p:first-child{margin-top:0}
.button,button{display:inline-flex;align-items:center;justify-content:center;min-height:2.75rem;padding:.55rem 1.15rem;
border:1px solid var(--edge);border-radius:.6rem;background:var(--surface);color:var(--ink);font:inherit;font-weight:600;
line-height:1.25;text-align:center;text-decoration:none;cursor:pointer;transition:background-color .12s,border-color .12s}
.button:hover,button:hover{border-color:var(--accent);color:var(--ink)}
.button.primary,button.primary{border-color:var(--accent);background:var(--accent);color:var(--on-accent)}
.button.primary:hover,button.primary:hover{border-color:var(--accent-strong);background:var(--accent-strong)}
button.danger{border-color:var(--danger);color:var(--danger)}
button.danger:hover{background:var(--danger-soft)}
button.danger.primary{background:var(--danger);color:var(--on-danger)}
button.danger.primary:hover{border-color:var(--danger-strong);background:var(--danger-strong)}
button[disabled]{opacity:.55;cursor:not-allowed}
.actions{display:flex;flex-wrap:wrap;gap:.75rem;margin-top:1.5rem}
.actions>*{flex:1 1 auto}
.wide .actions>*{flex:0 1 auto}
p>code:only-child{font-size:1.15rem}
.links{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 1.5rem;margin-top:1rem}
.links a,.who a,.who button,.nav a{display:inline-flex;align-items:center;min-height:2.75rem}
.who button{padding:.35rem .8rem;font-size:.925rem;white-space:nowrap}
.or{display:flex;align-items:center;gap:.9rem;margin:1.4rem 0 0;color:var(--quiet);font-size:.925rem}
.or::before,.or::after{content:'';flex:1;height:1px;background:var(--line)}
.heading{display:flex;flex-wrap:wrap;align-items:baseline;justify-content:space-between;gap:.25rem 1rem}
.list{margin:.75rem 0 0;padding:0;list-style:none}
.list>li{display:flex;flex-wrap:wrap;align-items:center;justify-content:space-between;gap:.6rem 1rem;padding:.85rem 0;
border-top:1px solid var(--line)}
.list>li:first-child{border-top:0}
.list>li:last-child{padding-bottom:0}
.list>li>:first-child{flex:1 1 14rem;min-width:0;overflow-wrap:anywhere}
.list p{margin:.1rem 0 0}
time{white-space:nowrap}
.list>li>a.row{display:flex;align-items:center;justify-content:space-between;gap:1rem;min-height:2.75rem;margin:-.45rem 0;
color:var(--ink);text-decoration:none}
.list>li>a.row::after{content:'';flex:none;width:.5rem;height:.5rem;margin-right:.2rem;border:solid var(--quiet);border-width:2px 2px 0 0;
transform:rotate(45deg)}
.list>li>a.row:hover b{text-decoration:underline;text-underline-offset:.2em}
.row b{font-weight:600}
.tag{display:inline-block;margin-left:.5rem;padding:.05rem .55rem;border-radius:1rem;background:var(--accent-soft);color:var(--accent);
font-size:.825rem;font-weight:600;white-space:nowrap;vertical-align:.08em}
.facts{display:grid;grid-template-columns:auto 1fr;gap:.3rem 1.25rem;margin:1rem 0 0}
.facts dt{color:var(--quiet)}
.facts dd{margin:0;overflow-wrap:anywhere}
.scopes{margin:.9rem 0 0;padding:0;list-style:none}
.scopes li{position:relative;padding:.35rem 0 .35rem 1.75rem}
.scopes li::before{content:'';position:absolute;left:.3rem;top:.72rem;width:.75rem;height:.4rem;border:solid var(--accent);
border-width:0 0 2px 2px;transform:rotate(-45deg)}
.codes{display:grid;grid-template-columns:repeat(auto-fill,minmax(10.5rem,1fr));gap:.5rem;margin:1rem 0 0;padding:0;list-style:none}
.codes li,code{font-family:ui-monospace,monospace;overflow-wrap:anywhere}
.codes li{padding:.5rem .25rem;font-size:.875rem;border:1px solid var(--line);border-radius:.5rem;background:var(--ground);text-align:center}
.qr{display:block;width:100%;max-width:15rem;height:auto;margin:1.25rem auto 0;padding:.75rem;border-radius:.75rem;background:#fff}
summary{min-height:2.75rem;padding:.6rem 0;font-weight:600;cursor:pointer}
footer{padding-bottom:1.75rem;color:var(--quiet);font-size:.9rem;text-align:center}
footer p{margin:0}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
h1:focus{outline:none}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@media(max-width:30rem){header,main,footer{padding-left:1rem;padding-right:1rem}.card{padding:1.35rem 1.15rem}h1{font-size:1.45rem}
.facts{grid-template-columns:1fr;gap:0}.facts dd+dt{margin-top:.6rem}}
@media(prefers-reduced-motion:reduce){*,::before,::after{transition:none!important}}
@media(forced-colors:active){.mark{background:CanvasText}.error::before{border:1px solid}}
@media print{body{background:none}header nav,form,footer{display:none}.card{padding:0;border:0;box-shadow:none}}
`;

/** For `style-src`: this style alone. */
export const STYLE_SOURCE = sha256(STYLE);
