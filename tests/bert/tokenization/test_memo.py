from bert.tokenization.memo import Memo


def test_a_memo_computes_once_what_it_is_asked_for_twice():
    calls = []
    memo = Memo(lambda key: calls.append(key) or key.upper(), limit=10)
    assert [memo["a"], memo["b"], memo["a"]] == ["A", "B", "A"]
    assert calls == ["a", "b"]


def test_a_memo_never_holds_more_than_its_limit():
    memo = Memo(len, limit=7)
    sizes = [len(memo) for number in range(100) if memo[str(number)]]
    assert max(sizes) == 7
    assert memo["5"] == 1


def test_a_memo_computes_long_strings_without_keeping_them():
    memo = Memo(len, limit=7, longest_key=3)
    assert memo["abc"] == 3 and memo["abcd"] == 4
    assert list(memo) == ["abc"]
