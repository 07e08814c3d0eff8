/* codec */ typedef int codec_placeholder;
