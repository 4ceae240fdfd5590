/** @jsxImportSource preact */
export const BackToAccount = () => (
  <div class="links">
    <a href="/auth/account">Back to your account</a>
  </div>
);

/** In UTC: a page without JavaScript does not know the time zone. */
export const Time = ({ at }: { at: string }) => (
  <time datetime={at}>{`${at.slice(0, 10)} ${at.slice(11, 16)} UTC`}</time>
);
