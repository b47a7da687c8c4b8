// The bot's picture as a camera: a canvas that is drawn again and again, because Chromium sends only what is drawn.
function rejoinderShow(core, inner) {
  "use strict";
  const REDRAW_MS = 500;
  let canvas = null;
  let context = null;
  let picture = null;
  let tick = 0;

  function draw() {
    const { width, height } = canvas;
    if (picture) {
      const scale = Math.min(width / picture.width, height / picture.height);
      context.fillStyle = "#000";
      context.fillRect(0, 0, width, height);
      const [wide, high] = [picture.width * scale, picture.height * scale];
      context.drawImage(picture, (width - wide) / 2, (height - high) / 2, wide, high);
    } else {
      context.fillStyle = "#20262e";
      context.fillRect(0, 0, width, height);
      context.fillStyle = "#e8eaed";
      context.font = `${Math.round(height / 8)}px sans-serif`;
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.fillText(inner.config.name || "", width / 2, height / 2, width * 0.9);
    }
    tick ^= 1; // one pixel changes, so that each drawing is a new frame
    context.fillStyle = tick ? "#20262e" : "#20262f";
    context.fillRect(0, 0, 1, 1);
  }

  inner.image = async (jpeg) => {
    try {
      picture = jpeg.byteLength ? await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" })) : null;
      if (canvas) draw();
      core.report("image_shown", { none: !picture });
    } catch (error) {
      core.report("image_failed", { message: String(error).slice(0, 200) });
    }
  };
  if (inner.lastImage) inner.image(inner.lastImage);

  return function camera() {
    if (!canvas) {
      canvas = document.createElement("canvas");
      canvas.width = inner.config.width;
      canvas.height = inner.config.height;
      context = canvas.getContext("2d", { alpha: false });
      draw();
      setInterval(draw, REDRAW_MS);
    }
    return canvas.captureStream(10).getVideoTracks()[0];
  };
}
