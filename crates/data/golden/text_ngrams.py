"""Expected weights of modality/text_ngrams.rs, by scikit-learn 1.9.1: python text_ngrams.py"""
import re
from sklearn.feature_extraction.text import TfidfVectorizer

TEXTS = ["So cute, so CUTE!", "not cute", "a dog so"]


def words(text):
    return re.findall(r"[a-z0-9]+", text.lower())


def word_grams(text):
    found = words(text)
    return found + [" ".join(found[i : i + 2]) for i in range(len(found) - 1)]


def character_grams(text):
    grams = []
    for word in words(text):
        word = f"<{word}>"
        grams += [word[i : i + n] for n in (3, 4, 5) for i in range(len(word) - n + 1)]
    return grams


for name, analyzer in (("words", word_grams), ("characters", character_grams)):
    model = TfidfVectorizer(analyzer=analyzer, sublinear_tf=True, norm="l2", smooth_idf=True)
    weights = model.fit_transform(TEXTS).toarray()[0]
    names = model.get_feature_names_out()
    print(name, len(names), [(n, round(float(w), 6)) for n, w in zip(names, weights) if w > 0])
