//! The data room through its public face.

mod real;
