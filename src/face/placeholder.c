/* face */ typedef int face_placeholder;
