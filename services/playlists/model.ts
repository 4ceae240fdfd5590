import { type Static, Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';
import { PageOf, PageQuery } from '#kit/http/pagination';

export const PlaylistNotFound = defineProblem(
  'playlist.not-found',
  404,
  'There is no such playlist, or it is private',
);
export const TooManyPlaylists = defineProblem('playlist.too-many', 409, 'A person has at most 500 playlists');
export const TooManyVideos = defineProblem(
  'playlist.too-many-videos',
  409,
  'A playlist has at most 1,000 videos',
);
export const VideoAlreadyThere = defineProblem(
  'playlist.video-already-there',
  409,
  'The playlist has this video',
);
export const VideoNotThere = defineProblem(
  'playlist.video-not-there',
  404,
  'The playlist does not have this video',
);
export const OtherVideos = defineProblem(
  'playlist.other-videos',
  409,
  'The order has to name each video of the playlist once: read it again',
);
export const UnknownVideo = defineProblem('video.unknown', 422, 'There is no such video');
export const VideosUnavailable = defineProblem(
  'video.unavailable',
  503,
  'It cannot be told at the moment whether there are such videos',
);

export const PLAYLISTS_EACH = 500;
export const VIDEOS_EACH = 1_000;
/** As many as the video service looks up at once. */
const VIDEOS_AT_ONCE = 100;

const VIDEO_ID = '01682885-aa80-7d3c-9a41-5e0d1f6b7c22';
const PLAYLIST_ID = '0198c1f2-0a4b-7c3d-8e5f-60718293a4b5';

const Name = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: '\\S',
  error: 'One to 200 characters, not only blanks',
  examples: ['Rainy evenings'],
});
const Description = Type.String({ maxLength: 2_000, examples: ['Nothing longer than two hours'] });
const Visibility = Type.Union([Type.Literal('public'), Type.Literal('unlisted'), Type.Literal('private')], {
  error: 'public, unlisted or private',
  description: '`unlisted`: for everybody who has its address',
  examples: ['public'],
});
const VideoId = Type.String({
  pattern: '^[A-Za-z0-9_-]{1,64}$',
  error: 'The id of a video',
  examples: [VIDEO_ID],
});
const Position = Type.Integer({
  minimum: 0,
  maximum: 1_000_000,
  description: 'How many videos come before; beyond the end means the end',
  examples: [0],
});

export const NewPlaylist = Type.Object({
  name: Name,
  description: Type.Optional(Description),
  visibility: Type.Optional(Visibility),
  video_ids: Type.Optional(
    Type.Array(VideoId, { maxItems: VIDEOS_AT_ONCE, uniqueItems: true, error: 'At most 100 ids, each once' }),
  ),
});
export type NewPlaylist = Static<typeof NewPlaylist>;

/** PUT: what is left out gets its default. */
export const WholePlaylist = Type.Omit(NewPlaylist, ['video_ids']);
export type WholePlaylist = Static<typeof WholePlaylist>;

/** PATCH: what is left out stays. */
export const PlaylistChange = Type.Partial(WholePlaylist, { minProperties: 1 });
export type PlaylistChange = Static<typeof PlaylistChange>;

export const NewVideos = Type.Object({
  video_id: Type.Optional(VideoId),
  video_ids: Type.Optional(
    Type.Array(VideoId, {
      minItems: 1,
      maxItems: VIDEOS_AT_ONCE,
      uniqueItems: true,
      error: 'One to 100 ids, each once',
      description: 'Several at once instead of `video_id`',
    }),
  ),
  position: Type.Optional(Position),
});
export type NewVideos = Static<typeof NewVideos>;

export const Reordering = Type.Object(
  {
    video_id: Type.Optional(VideoId),
    position: Type.Optional(Position),
    video_ids: Type.Optional(
      Type.Array(VideoId, {
        maxItems: VIDEOS_EACH,
        uniqueItems: true,
        error: 'Each id of the playlist once',
      }),
    ),
  },
  {
    description: 'One video and its new position, or all videos in their new order',
    examples: [{ video_id: VIDEO_ID, position: 0 }],
  },
);
export type Reordering = Static<typeof Reordering>;

export const Copy = Type.Partial(Type.Pick(NewPlaylist, ['name', 'visibility']));
export type Copy = Static<typeof Copy>;

export const Playlist = Type.Object({
  id: Type.String({ examples: [PLAYLIST_ID] }),
  owner_id: Type.String({ examples: ['0198c1f2-0a4b-7c3d-8e5f-1029384756af'] }),
  name: Name,
  description: Description,
  visibility: Visibility,
  version: Type.Integer({ description: 'Grows with every change; also the `ETag`', examples: [3] }),
  videos_count: Type.Integer({ examples: [1] }),
  created_at: Type.String({ format: 'date-time' }),
  updated_at: Type.String({ format: 'date-time' }),
});
export type Playlist = Static<typeof Playlist>;

export const PlaylistWithVideos = Type.Composite([
  Playlist,
  Type.Object({
    videos: Type.Array(Type.Object({ video_id: VideoId, added_at: Type.String({ format: 'date-time' }) }), {
      description: 'In their order',
    }),
  }),
]);
export type PlaylistWithVideos = Static<typeof PlaylistWithVideos>;

export const PlaylistPage = PageOf(Playlist);

export const PlaylistQuery = Type.Composite([
  PageQuery,
  Type.Object({
    owner: Type.Optional(
      Type.String({
        pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$',
        error: 'The id of a person',
        description: "Somebody's public playlists; without it one's own",
      }),
    ),
  }),
]);
export type PlaylistQuery = Static<typeof PlaylistQuery>;
