from bert.tokenization.wordpiece_trainer import train_wordpiece
from bert.tokenization.wordpiece import WordPieceTokenizer
def learn_vocabulary(texts, size, kind):
    v = train_wordpiece(texts, size)
    return v if not isinstance(v, list) else WordPieceTokenizer(v, lowercase=False)
